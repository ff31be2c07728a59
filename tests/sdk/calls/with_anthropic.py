import anthropic
from calls import call, denied

client = anthropic.Anthropic()
ask = {"model": "claude-opus-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def streamed():
    with client.messages.stream(**ask) as stream:
        said = "".join(stream.text_stream)
    assert said == "Hello", said


call("anthropic.message.create", lambda: client.messages.create(**ask))
call("anthropic.message.create", streamed)
call("anthropic.message.count", lambda: client.messages.count_tokens(model=ask["model"], messages=ask["messages"]))
call("anthropic.model.list", lambda: list(client.models.list()))
call("anthropic.message.batch.list", lambda: list(client.messages.batches.list()))
call("anthropic.file.upload", lambda: client.beta.files.upload(file=("a.txt", b"hi", "text/plain")))
denied("anthropic.file.delete", lambda: client.beta.files.delete("file_1"))
