"""An agent without an SDK: plain requests, with the key in a header and in the query."""

import os
import sys

import requests
from steps import run_steps

OPENAI = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
GEMINI = os.environ.get("GOOGLE_GEMINI_BASE_URL", "https://generativelanguage.googleapis.com")
TIMEOUT_SECONDS = 10


def header(model: str = "gpt-5-mini") -> dict:
    body = {"model": model, "messages": [{"role": "user", "content": "hello there"}]}
    headers = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    answer = post(f"{OPENAI}/chat/completions", json=body, headers=headers)
    return {"text": answer["choices"][0]["message"]["content"], "usage": answer["usage"]}


def query(model: str = "gemini-3-flash") -> dict:
    body = {"contents": [{"role": "user", "parts": [{"text": "hello there"}]}]}
    url = f"{GEMINI}/v1beta/models/{model}:generateContent"
    answer = post(url, json=body, params={"key": os.environ["GEMINI_API_KEY"]})
    text = answer["candidates"][0]["content"]["parts"][0]["text"]
    return {"text": text, "usage": answer["usageMetadata"]}


def post(url: str, **options: object) -> dict:
    answer = requests.post(url, timeout=TIMEOUT_SECONDS, **options)
    answer.raise_for_status()
    return answer.json()


sys.exit(
    run_steps(
        {
            "header": header,
            "query": query,
            "echo.header": lambda: header("echo-key"),
            "echo.query": lambda: query("echo-key"),
        }
    )
)
