"""An agent's use of the Python package groq."""

import sys

from groq import Groq
from steps import run_steps, thrown

client = Groq(max_retries=0, timeout=10)
MODEL = "llama-4-scout"
MESSAGES = [{"role": "user", "content": "hello there"}]


def chat(model: str = MODEL) -> dict:
    answer = client.chat.completions.create(model=model, messages=MESSAGES)
    return {"text": answer.choices[0].message.content, "usage": answer.usage.model_dump()}


def chat_stream() -> dict:
    text, usage = "", None
    for chunk in client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True):
        text += chunk.choices[0].delta.content or ""
        if chunk.x_groq is not None and chunk.x_groq.usage is not None:
            usage = chunk.x_groq.usage
    assert usage is not None, "no usage came"
    return {"text": text, "usage": usage.model_dump()}


sys.exit(
    run_steps(
        {
            "chat": chat,
            "chat.stream": chat_stream,
            "echo": lambda: chat("echo-key"),
            # What the provider says when its key has been revoked.
            "error.key": lambda: thrown(lambda: chat("fail.401")),
        }
    )
)
