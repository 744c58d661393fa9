// A Telegram bot with node-telegram-bot-api, which reads no environment: token and address are options.
import { Api, Bot, InputFile } from 'node-telegram-bot-api';
import { expect, runSteps, thrown } from './steps.mjs';

const WAIT_MS = 20_000;
const { TELEGRAM_BOT_TOKEN: token, TELEGRAM_URL: apiRoot } = process.env;
const options = { maxRetries: 0, ...(apiRoot === undefined ? {} : { apiRoot }) };
const api = new Api(token, options);
const chat_id = 750_000_000 + process.pid;
const BYTES = 300_000;

await runSteps({
  async me() {
    return { username: (await api.getMe()).username };
  },
  async polling() {
    const bot = new Bot(token, options);
    const { promise: answer, resolve, reject } = Promise.withResolvers();
    const limit = setTimeout(() => reject(new Error('no answer came')), WAIT_MS);
    bot.hears(/^You said: hello NTBA/, ({ message }) => resolve(message.text));
    const polling = bot.startPolling();
    const [text, sent] = await Promise.all([answer, api.sendMessage({ chat_id, text: 'hello NTBA' })]);
    clearTimeout(limit);
    bot.stop();
    await polling;
    return { sent: sent.text, answer: text };
  },
  async document() {
    const document = new InputFile(Buffer.alloc(BYTES, 'n'), { filename: 'notes.bin' });
    const { document: sent, caption } = await api.sendDocument({ chat_id, document, caption: 'see this' });
    expect(sent.file_size === BYTES, `${sent.file_size} bytes arrived`);
    const { file_path } = await api.getFile({ file_id: sent.file_id });
    // The library has no download of its own.
    const root = apiRoot ?? 'https://api.telegram.org';
    const answer = await fetch(`${root}/file/bot${token}/${file_path}`);
    expect(answer.status === 200, `download: ${answer.status}`);
    return { caption, bytes: (await answer.arrayBuffer()).byteLength };
  },
  async busy() {
    const text = `busy NTBA ${process.pid}`;
    const refusal = await thrown(() => api.sendMessage({ chat_id, text }));
    expect(refusal.message.includes('retry after'), refusal.message);
    return { refusal: refusal.message, sent: (await api.sendMessage({ chat_id, text })).text };
  },
  async echo() {
    return { text: (await api.sendMessage({ chat_id, text: 'echo-key' })).text };
  },
});
