// A Slack app: the Web API with its bot token, and events over Socket Mode with its app token.
import { once } from 'node:events';
import { LogLevel, SocketModeClient } from '@slack/socket-mode';
import { WebClient, WebClientEvent } from '@slack/web-api';
import { expect, runSteps } from './steps.mjs';

const WAIT_MS = 20_000;
const CHANNEL = 'C0STUB';
const FILE = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => index % 251));
const { SLACK_BOT_TOKEN: botToken, SLACK_APP_TOKEN: appToken } = process.env;

const web = new WebClient(botToken, { timeout: WAIT_MS, retryConfig: { retries: 1 } });
// It waits as long before it connects anew; the default is 5 s.
const socket = new SocketModeClient({ appToken, logLevel: LogLevel.ERROR, clientPingTimeout: 1_500 });

let started;
/** connects once; every event is acknowledged */
function connected() {
  started ??= (async () => {
    socket.on('message', ({ ack }) => ack());
    await socket.start();
  })();
  return started;
}

function post(text) {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- Slack's method, not a window's
  return web.chat.postMessage({ channel: CHANNEL, text });
}

/** posts a text and waits for the user's answer to it, which is an event */
async function converse(text, answerStart = 'You said:') {
  await connected();
  const signal = AbortSignal.timeout(WAIT_MS);
  const answered = (async () => {
    for (;;) {
      const [{ event }] = await once(socket, 'message', { signal });
      if (event.text.startsWith(answerStart) && event.text.includes(text)) return event.text;
    }
  })();
  const [, answer] = await Promise.all([post(text), answered]);
  return answer;
}

async function upload() {
  const { files } = await web.filesUploadV2({
    channel_id: CHANNEL,
    file: FILE,
    filename: 'notes.bin',
    title: 'Notes',
  });
  return files[0].files[0];
}

const steps = {
  async 'auth.test'() {
    const { user_id, team } = await web.auth.test();
    return { user_id, team };
  },
  async message() {
    const { message } = await post('hello there ✓');
    return { text: message.text };
  },
  async 'message.busy'() {
    const limited = once(web, WebClientEvent.RATE_LIMITED, { signal: AbortSignal.timeout(WAIT_MS) });
    const { message } = await post(`busy ${process.pid}`);
    const [retryAfterSeconds] = await limited;
    return { text: message.text, retryAfterSeconds };
  },
  async 'file.upload'() {
    const { size, name } = await upload();
    expect(size === FILE.length, `${size} bytes arrived`);
    return { name, size };
  },
  async 'file.download'() {
    const { url_private_download } = await upload();
    const response = await fetch(url_private_download, {
      headers: { authorization: `Bearer ${botToken}` },
      redirect: 'error',
      signal: AbortSignal.timeout(WAIT_MS),
    });
    expect(FILE.equals(Buffer.from(await response.arrayBuffer())), 'another file came back');
    return { host: new URL(url_private_download).host };
  },
  async socket() {
    return { answer: await converse('hello there') };
  },
  async 'socket.ack'() {
    return { answer: await converse('ack-me', 'Acknowledged:') };
  },
  async 'socket.reconnect'() {
    await connected();
    const again = once(socket, 'connected', { signal: AbortSignal.timeout(WAIT_MS) });
    await post('refresh');
    await again;
    return { answer: await converse('hello again') };
  },
  async echo() {
    const { message } = await post('echo-key');
    return { text: message.text };
  },
  async 'echo.socket'() {
    return { answer: await converse('echo-app-key', 'Your key is') };
  },
};

await runSteps(steps);
if (started !== undefined) await socket.disconnect();
