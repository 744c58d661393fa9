// A Telegram bot, first with grammY and then with Telegraf. Neither reads an environment variable.
import { Bot, InputFile } from 'grammy';
import { Telegraf } from 'telegraf';
import { expect, runSteps, thrown } from './steps.mjs';

const WAIT_MS = 20_000;
const token = process.env.TELEGRAM_BOT_TOKEN;
const FILE = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => index % 251));
const chatId = 700_000_000 + process.pid;

/** texts that users sent, and who waits for them */
function createInbox() {
  const waiting = new Set();
  return {
    put(text) {
      for (const waiter of waiting) if (text.startsWith(waiter.start)) waiter.resolve(text);
    },
    /** a text that begins so */
    next(start) {
      const { promise, resolve, reject } = Promise.withResolvers();
      const waiter = { start, resolve };
      const timer = setTimeout(() => reject(new Error(`no message "${start}"`)), WAIT_MS);
      waiting.add(waiter);
      return promise.finally(() => {
        clearTimeout(timer);
        waiting.delete(waiter);
      });
    },
  };
}

async function sameFile(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(WAIT_MS) });
  expect(response.status === 200, `download: ${response.status}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(bytes.equals(FILE), 'another file came back');
  return { bytes: bytes.length };
}

async function getMe(tokenInPath) {
  const url = `https://api.telegram.org/bot${tokenInPath}/getMe`;
  const { ok, result } = await (await fetch(url, { signal: AbortSignal.timeout(WAIT_MS) })).json();
  expect(ok, 'getMe was refused');
  return { username: result.username };
}

const grammyBot = new Bot(token);
const telegraf = new Telegraf(token);

const steps = {
  async 'grammy.me'() {
    const { username, id } = await grammyBot.api.getMe();
    return { username, isOwnId: String(id) === token.split(':')[0] };
  },
  async 'grammy.polling'() {
    const inbox = createInbox();
    grammyBot.on('message:text', (context) => inbox.put(context.message.text));
    const { promise: started, resolve: onStart } = Promise.withResolvers();
    const polling = grammyBot.start({ onStart });
    await Promise.race([started, polling]);
    const [answer, sent] = await Promise.all([
      inbox.next('You said: hello grammY'),
      grammyBot.api.sendMessage(chatId, 'hello grammY'),
    ]);
    // The long poll that is under way is given up.
    await grammyBot.stop();
    await polling;
    return { sent: sent.text, answer };
  },
  async 'grammy.document'() {
    const file = new InputFile(FILE, 'notes ü.bin');
    const { document, caption } = await grammyBot.api.sendDocument(chatId, file, { caption: 'see this' });
    expect(document.file_size === FILE.length, `${document.file_size} bytes arrived`);
    const { file_path } = await grammyBot.api.getFile(document.file_id);
    return { caption, ...(await sameFile(`https://api.telegram.org/file/bot${token}/${file_path}`)) };
  },
  async 'grammy.busy'() {
    const text = `busy grammY ${process.pid}`;
    const refusal = await thrown(() => grammyBot.api.sendMessage(chatId, text));
    const { text: sent } = await grammyBot.api.sendMessage(chatId, text);
    expect(refusal.message.includes('retry after'), 'the API was not busy');
    return { refusal: refusal.message, sent };
  },
  async 'grammy.echo'() {
    return { text: (await grammyBot.api.sendMessage(chatId, 'echo-key')).text };
  },
  async 'telegraf.me'() {
    const { username, id } = await telegraf.telegram.getMe();
    return { username, isOwnId: String(id) === token.split(':')[0] };
  },
  async 'telegraf.polling'() {
    const inbox = createInbox();
    telegraf.on('text', (context) => inbox.put(context.message.text));
    const { promise: launched, resolve: onLaunch } = Promise.withResolvers();
    const polling = telegraf.launch(onLaunch);
    await Promise.race([launched, polling]);
    const [answer, sent] = await Promise.all([
      inbox.next('You said: hello Telegraf'),
      telegraf.telegram.sendMessage(chatId, 'hello Telegraf'),
    ]);
    telegraf.stop();
    await polling;
    return { sent: sent.text, answer };
  },
  async 'telegraf.document'() {
    const { document } = await telegraf.telegram.sendDocument(chatId, {
      source: FILE,
      filename: 'notes.bin',
    });
    expect(document.file_size === FILE.length, `${document.file_size} bytes arrived`);
    return sameFile(await telegraf.telegram.getFileLink(document.file_id));
  },
  async 'telegraf.busy'() {
    const text = `busy Telegraf ${process.pid}`;
    const refusal = await thrown(() => telegraf.telegram.sendMessage(chatId, text));
    const { text: sent } = await telegraf.telegram.sendMessage(chatId, text);
    expect(refusal.code === 429, 'the API was not busy');
    return { refusal: refusal.message, sent };
  },
  async 'telegraf.echo'() {
    return { text: (await telegraf.telegram.sendMessage(chatId, 'echo-key')).text };
  },
  // As HTTP clients send it that escape each part of a path.
  'path.escaped': () => getMe(encodeURIComponent(token)),
};

await runSteps(steps);
