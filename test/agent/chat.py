"""An agent at work in Python: as chat.mjs, with the packages openai and anthropic.

python3 chat.py openai|anthropic [--stream] [--model M] [--prompt TEXT] [--retries N]
"""

import argparse
import json
import sys


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("sdk", choices=["openai", "anthropic"])
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--model")
    parser.add_argument("--prompt", default="hello")
    parser.add_argument("--retries", type=int)
    args = parser.parse_args()
    head = {"language": "python", "sdk": args.sdk, "call": "chat", "stream": args.stream}
    try:
        answer = {"openai": ask_openai, "anthropic": ask_anthropic}[args.sdk](args)
        print(json.dumps({**head, **answer}))
        return 0
    except Exception as error:  # an agent would see just this
        failure = {
            "name": type(error).__name__,
            "message": str(error),
            "status": getattr(error, "status_code", None),
            "code": getattr(error, "code", None),
            "body": getattr(error, "body", None),
        }
        print(json.dumps({**head, "error": failure}))
        return 1


def client_options(args: argparse.Namespace) -> dict:
    return {} if args.retries is None else {"max_retries": args.retries}


def ask_openai(args: argparse.Namespace) -> dict:
    from openai import OpenAI

    chat = OpenAI(**client_options(args)).chat.completions
    body = {
        "model": args.model or "gpt-5-mini",
        "messages": [{"role": "user", "content": args.prompt}],
    }
    if not args.stream:
        answer = chat.create(**body)
        return {"text": answer.choices[0].message.content, "usage": answer.usage.model_dump()}
    return collect(
        chat.create(**body, stream=True),
        lambda chunk: chunk.choices[0].delta.content if chunk.choices else None,
    )


def ask_anthropic(args: argparse.Namespace) -> dict:
    from anthropic import Anthropic

    messages = Anthropic(**client_options(args)).messages
    body = {
        "model": args.model or "claude-sonnet-5",
        "max_tokens": 256,
        "messages": [{"role": "user", "content": args.prompt}],
    }
    if not args.stream:
        answer = messages.create(**body)
        text = "".join(block.text for block in answer.content)
        return {"text": text, "usage": answer.usage.model_dump()}
    return collect(
        messages.create(**body, stream=True),
        lambda event: getattr(getattr(event, "delta", None), "text", None),
    )


def collect(events, text_of) -> dict:
    text, chunks = "", 0
    for event in events:
        text += text_of(event) or ""
        chunks += 1
    return {"text": text, "chunks": chunks}


if __name__ == "__main__":
    sys.exit(main())
