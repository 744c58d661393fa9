"""A Slack app with slack_sdk: the Web API with its bot token, and events over Socket Mode with its app token."""

import os
import queue
import sys
import urllib.request

from slack_sdk import WebClient
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from steps import run_steps

WAIT_SECONDS = 20
CHANNEL = "C0STUB"
FILE = bytes(index % 251 for index in range(300_000))
BOT_TOKEN = os.environ["SLACK_BOT_TOKEN"]

web = WebClient(token=BOT_TOKEN, timeout=WAIT_SECONDS)
web.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=1))


def auth_test() -> dict:
    answer = web.auth_test()
    return {"user_id": answer["user_id"], "team": answer["team"]}


def message(text: str = "hello there ✓") -> dict:
    return {"text": web.chat_postMessage(channel=CHANNEL, text=text)["message"]["text"]}


def file_upload() -> dict:
    file = upload()
    assert file["size"] == len(FILE), f"{file['size']} bytes arrived"
    return {"name": file["name"], "size": file["size"]}


def file_download() -> dict:
    request = urllib.request.Request(
        upload()["url_private_download"], headers={"Authorization": f"Bearer {BOT_TOKEN}"}
    )
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as response:
        assert response.read() == FILE, "another file came back"
    return {"bytes": len(FILE)}


def upload() -> dict:
    return web.files_upload_v2(channel=CHANNEL, content=FILE, filename="notes.bin", title="Notes")["file"]


def on_request(client: SocketModeClient, request: SocketModeRequest) -> None:
    client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
    texts.put(request.payload["event"]["text"])


def socket(text: str = "ack-me", answer_start: str = "Acknowledged:") -> dict:
    if not events.is_connected():
        events.connect()
    web.chat_postMessage(channel=CHANNEL, text=text)
    while True:
        answer = texts.get(timeout=WAIT_SECONDS)
        if answer.startswith(answer_start) and text in answer:
            return {"answer": answer}


texts: queue.Queue[str] = queue.Queue()
events = SocketModeClient(app_token=os.environ["SLACK_APP_TOKEN"], web_client=web)
events.socket_mode_request_listeners.append(on_request)

exit_code = run_steps(
    {
        "auth.test": auth_test,
        "message": message,
        "message.busy": lambda: message(f"busy {os.getpid()}"),
        "file.upload": file_upload,
        "file.download": file_download,
        "socket": socket,
        "echo": lambda: message("echo-key"),
        "echo.socket": lambda: socket("echo-app-key", "Your key is"),
    }
)
events.close()
sys.exit(exit_code)
