import OpenAI, { toFile } from 'openai';
import { call, denied } from './calls.mjs';

const client = new OpenAI();
const ask = { model: 'gpt-5', messages: [{ role: 'user', content: 'hi' }] };
await call('openai.chat.create', () => client.chat.completions.create(ask));
await call('openai.chat.create', async () => {
  let said = '';
  for await (const piece of await client.chat.completions.create({ ...ask, stream: true })) said += piece.choices[0].delta.content ?? '';
  if (said !== 'Hello') throw new Error(said);
});
await call('openai.response.create', () => client.responses.create({ model: 'gpt-5', input: 'hi' }));
await call('openai.model.list', () => client.models.list());
await call('openai.embedding.create', () => client.embeddings.create({ model: 'text-embedding-3-small', input: 'hi' }));
await call('openai.file.upload', async () => client.files.create({ file: await toFile(Buffer.from('hi'), 'a.txt'), purpose: 'user_data' }));
await denied('openai.file.delete', () => client.files.delete('file-1'));
