"""A Telegram bot with aiogram, which trusts only authorities of its own: it has to be given the sidecar's address."""

import asyncio
import os
import sys

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramRetryAfter
from aiogram.types import BufferedInputFile, Message
from steps import run_steps

WAIT_SECONDS = 20
FILE = bytes(index % 251 for index in range(300_000))
CHAT = 850_000_000 + os.getpid()

server = TelegramAPIServer.from_base(os.environ["TELEGRAM_URL"])
bot = Bot(os.environ["TELEGRAM_BOT_TOKEN"], session=AiohttpSession(api=server))


async def me() -> dict:
    return {"username": (await bot.get_me()).username}


async def polling() -> dict:
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def on_text(message: Message) -> None:
        if message.text.startswith("You said: hello aiogram") and not answer.done():
            answer.set_result(message.text)

    running = asyncio.create_task(
        dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False)
    )
    sent = await bot.send_message(CHAT, "hello aiogram")
    text = await asyncio.wait_for(answer, WAIT_SECONDS)
    await dispatcher.stop_polling()
    await running
    return {"sent": sent.text, "answer": text}


async def document() -> dict:
    upload = BufferedInputFile(FILE, "notes.bin")
    message = await bot.send_document(CHAT, upload, caption="see this")
    assert message.document.file_size == len(FILE), f"{message.document.file_size} bytes arrived"
    content = await bot.download(message.document)
    assert content.read() == FILE, "another file came back"
    return {"caption": message.caption, "bytes": len(FILE)}


async def busy() -> dict:
    text = f"busy aiogram {os.getpid()}"
    try:
        await bot.send_message(CHAT, text)
    except TelegramRetryAfter as error:
        refusal = str(error)
    else:
        raise AssertionError("the API was not busy")
    return {"refusal": refusal, "sent": (await bot.send_message(CHAT, text)).text}


async def echo() -> dict:
    return {"text": (await bot.send_message(CHAT, "echo-key")).text}


STEPS = {"me": me, "polling": polling, "document": document, "busy": busy, "echo": echo}

with asyncio.Runner() as runner:
    exit_code = run_steps({name: lambda step=step: runner.run(step()) for name, step in STEPS.items()})
    runner.run(bot.session.close())
sys.exit(exit_code)
