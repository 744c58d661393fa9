"""A Discord bot with discord.py, which has Discord's hosts built in."""

import asyncio
import io
import os
import sys

import discord
from steps import run_steps

WAIT_SECONDS = 20
CHANNEL = 1100000000000000002
FILE = bytes(index % 251 for index in range(300_000))

TOKEN = os.environ["DISCORD_TOKEN"]


class Bot:
    """Logs in with the first step that wants it."""

    def __init__(self) -> None:
        self.client: discord.Client | None = None
        self.running: asyncio.Task | None = None

    async def ready(self) -> discord.Client:
        if self.client is None:
            intents = discord.Intents.default()
            intents.message_content = True
            client = discord.Client(intents=intents)
            try:
                await client.login(TOKEN)
            except BaseException:
                await client.close()
                raise
            self.client = client
            self.running = asyncio.create_task(client.connect())
            waiting = asyncio.create_task(client.wait_until_ready())
            await asyncio.wait(
                [self.running, waiting], timeout=WAIT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not waiting.done():
                waiting.cancel()
                # Raises what ended the connection, if something has.
                await asyncio.wait_for(self.running, 0)
        return self.client

    async def channel(self) -> discord.TextChannel:
        return (await self.ready()).get_channel(CHANNEL)

    async def close(self) -> None:
        if self.client is not None:
            await self.client.close()
            await asyncio.gather(self.running, return_exceptions=True)


bot = Bot()


async def converse(text: str, answer_start: str = "You said:") -> tuple[discord.Message, discord.Message]:
    """Posts a text and waits for the user's answer to it."""
    client = await bot.ready()
    channel = await bot.channel()
    answered = client.wait_for(
        "message",
        check=lambda message: message.content.startswith(answer_start) and text in message.content,
        timeout=WAIT_SECONDS,
    )
    answer, posted = await asyncio.gather(answered, channel.send(text))
    return posted, answer


async def login() -> dict:
    client = await bot.ready()
    return {"username": client.user.name, "guilds": [guild.name for guild in client.guilds]}


async def message() -> dict:
    posted, answer = await converse("hello there")
    return {"posted": posted.content, "answer": answer.content, "author": answer.author.name}


async def file() -> dict:
    channel = await bot.channel()
    posted = await channel.send("see this", file=discord.File(io.BytesIO(FILE), "notes.bin"))
    assert posted.attachments[0].size == len(FILE), f"{posted.attachments[0].size} bytes arrived"
    return {"name": posted.attachments[0].filename, "size": posted.attachments[0].size}


async def file_download() -> dict:
    channel = await bot.channel()
    posted = await channel.send(file=discord.File(io.BytesIO(FILE), "more.bin"))
    assert await posted.attachments[0].read() == FILE, "another file came back"
    return {"size": posted.attachments[0].size}


async def message_busy() -> dict:
    posted, _ = await converse(f"busy {os.getpid()}")
    return {"posted": posted.content}


async def resume() -> dict:
    client = await bot.ready()
    _, (_, answer) = await asyncio.gather(
        client.wait_for("resumed", timeout=WAIT_SECONDS),
        converse(f"reconnect {os.getpid()}", "While you were away:"),
    )
    await converse("hello again")
    return {"answer": answer.content}


async def echo() -> dict:
    posted, answer = await converse("echo-key")
    return {"posted": posted.content, "answer": answer.content}


STEPS = {
    "login": login,
    "message": message,
    "file": file,
    "file.download": file_download,
    "message.busy": message_busy,
    "resume": resume,
    "echo": echo,
}

with asyncio.Runner() as runner:
    exit_code = run_steps({name: lambda step=step: runner.run(step()) for name, step in STEPS.items()})
    runner.run(bot.close())
sys.exit(exit_code)
