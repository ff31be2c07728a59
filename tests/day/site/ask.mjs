// Asks two models, and prints what they say as it comes.
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

const messages = [{ role: 'user', content: 'Say hello.' }];
const stream = new Anthropic().messages.stream({ model: 'claude-opus-5', max_tokens: 99, messages });
stream.on('text', (text) => process.stdout.write(text));
await stream.done();
console.log();
for await (const piece of await new OpenAI().chat.completions.create({ model: 'gpt-5', messages, stream: true })) {
  process.stdout.write(piece.choices[0].delta.content ?? '');
}
console.log();
