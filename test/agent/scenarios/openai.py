"""An agent's use of the Python package openai."""

import asyncio
import io
import sys

from openai import AsyncOpenAI, OpenAI
from steps import run_steps, thrown

client = OpenAI(max_retries=0, timeout=10)
MODEL = "gpt-5-mini"
MESSAGES = [{"role": "user", "content": "hello there"}]
UPLOAD_BYTES = 3_000_000


def chat(model: str = MODEL) -> dict:
    answer = client.chat.completions.create(model=model, messages=MESSAGES)
    return {"text": answer.choices[0].message.content, "usage": answer.usage.model_dump()}


def chat_stream(model: str = MODEL) -> dict:
    """As it is without `stream_options`: no usage."""
    text, chunks = "", 0
    for chunk in client.chat.completions.create(model=model, messages=MESSAGES, stream=True):
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        chunks += 1
    assert chunks > 2, "the answer did not come in pieces"
    return {"text": text, "chunks": chunks}


def responses() -> dict:
    answer = client.responses.create(model=MODEL, input="hello there")
    return {"text": answer.output_text, "usage": answer.usage.model_dump()}


def responses_stream() -> dict:
    text, usage = "", None
    for event in client.responses.create(model=MODEL, input="hello there", stream=True):
        if event.type == "response.output_text.delta":
            text += event.delta
        if event.type == "response.completed":
            usage = event.response.usage
    assert usage is not None, "the stream did not complete"
    return {"text": text, "usage": usage.model_dump()}


def embeddings() -> dict:
    answer = client.embeddings.create(model="text-embedding-3-small", input=["one text", "another"])
    assert len(answer.data) == 2, "not two vectors"
    return {"size": len(answer.data[0].embedding), "usage": answer.usage.model_dump()}


def upload() -> dict:
    content = io.BytesIO(b"n" * UPLOAD_BYTES)
    file = client.files.create(file=("notes.txt", content), purpose="user_data")
    assert file.bytes == UPLOAD_BYTES, f"{file.bytes} bytes arrived"
    return {"filename": file.filename, "bytes": file.bytes}


def realtime(model: str = "gpt-realtime") -> dict:
    # The client with threads reads and writes one SSL socket at the same time, for which Python's are not made: now and then
    # its handshake is never sent.
    return asyncio.run(converse(model))


async def converse(model: str) -> dict:
    async with AsyncOpenAI().realtime.connect(model=model) as connection:
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "hello there"}],
            }
        )
        await connection.response.create()
        async for event in connection:
            if event.type == "error":
                raise RuntimeError(event.error.message)
            if event.type == "response.done":
                text = event.response.output[0].content[0].text
                return {"text": text, "usage": event.response.usage.model_dump()}
    raise RuntimeError("the connection ended without an answer")


sys.exit(
    run_steps(
        {
            "chat": chat,
            "chat.stream": chat_stream,
            "responses": responses,
            "responses.stream": responses_stream,
            "embeddings": embeddings,
            "upload": upload,
            "realtime": realtime,
            "echo": lambda: chat("echo-key"),
            # The stub cuts the key in two writes there.
            "echo.stream": lambda: chat_stream("echo-key.9"),
            "echo.realtime": lambda: realtime("echo-key"),
            # What the provider says when its key has been revoked.
            "error.key": lambda: thrown(lambda: chat("fail.401")),
            "error.denied": lambda: thrown(
                lambda: client.post("/organization/admin_api_keys", cast_to=object, body={})
            ),
        }
    )
)
