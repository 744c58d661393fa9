"""A Telegram bot with python-telegram-bot, which reads no environment variable."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

from steps import run_steps
from telegram import Update
from telegram.error import RetryAfter
from telegram.ext import Application, ApplicationBuilder, ContextTypes, MessageHandler, filters

WAIT_SECONDS = 20
FILE = bytes(index % 251 for index in range(300_000))
CHAT = 800_000_000 + os.getpid()
TOKEN = os.environ["TELEGRAM_BOT_TOKEN"]

application: Application = ApplicationBuilder().token(TOKEN).build()
bot = application.bot


async def run(step: Callable[[], Awaitable[dict]]) -> dict:
    # Asks getMe once; after that it does nothing.
    await bot.initialize()
    return await step()


async def me() -> dict:
    user = await bot.get_me()
    return {"username": user.username, "isOwnId": str(user.id) == TOKEN.split(":")[0]}


async def polling() -> dict:
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def on_text(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
        text = update.effective_message.text
        if text.startswith("You said: hello PTB") and not answer.done():
            answer.set_result(text)

    application.add_handler(MessageHandler(filters.TEXT, on_text))
    async with application:
        await application.start()
        await application.updater.start_polling()
        sent = await bot.send_message(CHAT, "hello PTB")
        text = await asyncio.wait_for(answer, WAIT_SECONDS)
        await application.updater.stop()
        await application.stop()
    return {"sent": sent.text, "answer": text}


async def document() -> dict:
    message = await bot.send_document(CHAT, FILE, filename="notes.bin", caption="see this")
    assert message.document.file_size == len(FILE), f"{message.document.file_size} bytes arrived"
    file = await bot.get_file(message.document.file_id)
    content = await file.download_as_bytearray()
    assert bytes(content) == FILE, "another file came back"
    return {"caption": message.caption, "bytes": len(content)}


async def busy() -> dict:
    text = f"busy PTB {os.getpid()}"
    try:
        await bot.send_message(CHAT, text)
    except RetryAfter as error:
        refusal = str(error)
    else:
        raise AssertionError("the API was not busy")
    return {"refusal": refusal, "sent": (await bot.send_message(CHAT, text)).text}


async def echo() -> dict:
    return {"text": (await bot.send_message(CHAT, "echo-key")).text}


STEPS = {"me": me, "polling": polling, "document": document, "busy": busy, "echo": echo}

with asyncio.Runner() as runner:
    exit_code = run_steps({name: lambda step=step: runner.run(run(step)) for name, step in STEPS.items()})
    runner.run(bot.shutdown())
sys.exit(exit_code)
