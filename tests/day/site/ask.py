"""Asks two models, and prints what they say as it comes."""

import anthropic
import openai

ask = [{"role": "user", "content": "Say hello."}]
with anthropic.Anthropic().messages.stream(model="claude-opus-5", max_tokens=99, messages=ask) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
print()
for piece in openai.OpenAI().chat.completions.create(model="gpt-5", messages=ask, stream=True):
    print(piece.choices[0].delta.content or "", end="", flush=True)
print()
