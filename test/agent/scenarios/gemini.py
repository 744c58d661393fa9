"""An agent's use of the Python package google-genai."""

import asyncio
import io
import sys

from google import genai
from steps import run_steps, thrown

client = genai.Client()
MODEL = "gemini-3-flash"
CONTENTS = "hello there"
# Over the 8 MiB of one chunk, so that there are two.
UPLOAD_BYTES = 9 * 1024 * 1024
LIVE_TIMEOUT_SECONDS = 10


def generate(model: str = MODEL) -> dict:
    answer = client.models.generate_content(model=model, contents=CONTENTS)
    return {"text": answer.text, "usage": answer.usage_metadata.model_dump(exclude_none=True)}


def generate_stream(model: str = MODEL) -> dict:
    text, usage = "", None
    for chunk in client.models.generate_content_stream(model=model, contents=CONTENTS):
        text += chunk.text or ""
        usage = chunk.usage_metadata
    return {"text": text, "usage": usage.model_dump(exclude_none=True)}


def upload() -> dict:
    content = io.BytesIO(b"n" * UPLOAD_BYTES)
    file = client.files.upload(file=content, config={"mime_type": "text/plain"})
    assert file.size_bytes == UPLOAD_BYTES, f"{file.size_bytes} bytes arrived"
    return {"name": file.name, "bytes": file.size_bytes, "uri": file.uri}


def live(model: str = MODEL) -> dict:
    return asyncio.run(asyncio.wait_for(talk_live(model), LIVE_TIMEOUT_SECONDS))


async def talk_live(model: str) -> dict:
    """Asks one question over a Live connection."""
    async with client.aio.live.connect(model=model, config={"response_modalities": ["TEXT"]}) as session:
        await session.send_client_content(
            turns={"role": "user", "parts": [{"text": CONTENTS}]}, turn_complete=True
        )
        text, usage = "", None
        async for message in session.receive():
            text += message.text or ""
            usage = message.usage_metadata or usage
    return {"text": text, "usage": usage.model_dump(exclude_none=True)}


sys.exit(
    run_steps(
        {
            "generate": generate,
            "generate.stream": generate_stream,
            "upload": upload,
            "live": live,
            "echo": lambda: generate("echo-key"),
            # The stub cuts the key in two writes there.
            "echo.stream": lambda: generate_stream("echo-key.9"),
            "echo.live": lambda: live("echo-key"),
            # This API repeats the whole key in the error for a suspended project.
            "echo.error": lambda: thrown(lambda: generate("echo-key.error")),
            # What the provider says when its key has been revoked.
            "error.key": lambda: thrown(lambda: generate("fail.401")),
        }
    )
)
