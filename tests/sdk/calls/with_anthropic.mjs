import Anthropic, { toFile } from '@anthropic-ai/sdk';
import { call, denied } from './calls.mjs';

const client = new Anthropic();
const ask = { model: 'claude-opus-5', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] };
await call('anthropic.message.create', () => client.messages.create(ask));
await call('anthropic.message.create', async () => {
  const said = await client.messages.stream(ask).finalText();
  if (said !== 'Hello') throw new Error(said);
});
await call('anthropic.message.count', () => client.messages.countTokens({ model: ask.model, messages: ask.messages }));
await call('anthropic.model.list', () => client.models.list());
await call('anthropic.message.batch.list', () => client.messages.batches.list());
await call('anthropic.file.upload', async () => client.beta.files.upload({ file: await toFile(Buffer.from('hi'), 'a.txt', { type: 'text/plain' }) }));
await denied('anthropic.file.delete', () => client.beta.files.delete('file_1'));
