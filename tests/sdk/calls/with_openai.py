import openai
from calls import call, denied

client = openai.OpenAI()
ask = {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]}


def streamed():
    said = "".join(piece.choices[0].delta.content or "" for piece in client.chat.completions.create(**ask, stream=True))
    assert said == "Hello", said


call("openai.chat.create", lambda: client.chat.completions.create(**ask))
call("openai.chat.create", streamed)
call("openai.response.create", lambda: client.responses.create(model="gpt-5", input="hi"))
call("openai.model.list", lambda: list(client.models.list()))
call("openai.embedding.create", lambda: client.embeddings.create(model="text-embedding-3-small", input="hi"))
call("openai.file.upload", lambda: client.files.create(file=("a.txt", b"hi"), purpose="user_data"))
denied("openai.file.delete", lambda: client.files.delete("file-1"))
