"""An agent's use of the Python package anthropic."""

import sys

from anthropic import Anthropic
from steps import run_steps, thrown

client = Anthropic(max_retries=0, timeout=10)
MODEL = "claude-sonnet-5"
MESSAGES = [{"role": "user", "content": "hello there"}]


def messages(model: str = MODEL) -> dict:
    answer = client.messages.create(model=model, max_tokens=256, messages=MESSAGES)
    return {"text": answer.content[0].text, "usage": answer.usage.model_dump()}


def messages_stream(model: str = MODEL) -> dict:
    with client.messages.stream(model=model, max_tokens=256, messages=MESSAGES) as stream:
        text = "".join(stream.text_stream)
        return {"text": text, "usage": stream.get_final_message().usage.model_dump()}


def count() -> dict:
    return {"tokens": client.messages.count_tokens(model=MODEL, messages=MESSAGES).input_tokens}


sys.exit(
    run_steps(
        {
            "messages": messages,
            "messages.stream": messages_stream,
            "messages.count": count,
            "echo": lambda: messages("echo-key"),
            # The stub cuts the key in two writes there.
            "echo.stream": lambda: messages_stream("echo-key.9"),
            # What the provider says when its key has been revoked.
            "error.key": lambda: thrown(lambda: messages("fail.401")),
        }
    )
)
