// A Discord bot with discord.js: its REST client alone, and the whole client over the gateway. It reads DISCORD_TOKEN itself.
import { once } from 'node:events';
import { Client, Events, GatewayIntentBits, REST, Routes } from 'discord.js';
import { expect, runSteps } from './steps.mjs';

const WAIT_MS = 20_000;
const CHANNEL = '1100000000000000002';
const FILE = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => index % 251));

const rest = new REST({ retries: 0, timeout: WAIT_MS }).setToken(process.env.DISCORD_TOKEN);
const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent],
});
// Without a listener the first error of the gateway would end the process.
client.on(Events.Error, (error) => console.error(error.message));

let started;
/** logs in once; later calls get the same client */
function ready() {
  started ??= Promise.all([event(Events.ClientReady), client.login()]);
  return started;
}

/** the first event whose arguments fit */
async function event(name, fits = () => true) {
  const signal = AbortSignal.timeout(WAIT_MS);
  for (;;) {
    const args = await once(client, name, { signal });
    if (fits(...args)) return args;
  }
}

const channel = async () => {
  await ready();
  return client.channels.fetch(CHANNEL);
};

/** posts a text and waits for the user's answer to it */
async function converse(text, answerStart = 'You said:') {
  const target = await channel();
  const answered = event(
    Events.MessageCreate,
    ({ content }) => content.startsWith(answerStart) && content.includes(text),
  );
  const [posted, [answer]] = await Promise.all([target.send(text), answered]);
  return { posted, answer };
}

async function download(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(WAIT_MS) });
  expect(response.status === 200, `download: ${response.status}`);
  expect(FILE.equals(Buffer.from(await response.arrayBuffer())), 'another file came back');
}

const steps = {
  async 'rest.me'() {
    const { id, username } = await rest.get(Routes.user('@me'));
    return { id, username };
  },
  async 'rest.message'() {
    const { content } = await rest.post(Routes.channelMessages(CHANNEL), {
      body: { content: 'hello over REST' },
    });
    return { content };
  },
  async 'rest.file'() {
    const files = [{ name: 'notes ü.bin', data: FILE }];
    const { attachments } = await rest.post(Routes.channelMessages(CHANNEL), {
      body: { content: 'see this' },
      files,
    });
    return { filename: attachments[0].filename, size: attachments[0].size };
  },
  async 'rest.echo'() {
    const { content } = await rest.post(Routes.channelMessages(CHANNEL), { body: { content: 'echo-key' } });
    return { content };
  },
  async login() {
    await ready();
    return { username: client.user.username, guilds: client.guilds.cache.map((guild) => guild.name) };
  },
  async heartbeat() {
    await ready();
    // The latency is unknown, -1, until the gateway has acknowledged a heartbeat.
    if (client.ws.ping < 0) await event(Events.Debug, () => client.ws.ping >= 0);
    return { measured: client.ws.ping >= 0 };
  },
  async message() {
    const { posted, answer } = await converse('hello there');
    return { posted: posted.content, answer: answer.content, author: answer.author.username };
  },
  async file() {
    const message = await (await channel()).send({ files: [{ attachment: FILE, name: 'notes.bin' }] });
    const file = message.attachments.first();
    expect(file.size === FILE.length, `${file.size} bytes arrived`);
    return { name: file.name, size: file.size };
  },
  async 'file.download'() {
    const message = await (await channel()).send({ files: [{ attachment: FILE, name: 'more.bin' }] });
    const { url } = message.attachments.first();
    await download(url);
    return { host: new URL(url).host };
  },
  async 'message.busy'() {
    const limited = once(client.rest, 'rateLimited', { signal: AbortSignal.timeout(WAIT_MS) });
    const { posted } = await converse(`busy ${process.pid}`);
    await limited;
    return { posted: posted.content };
  },
  async interaction() {
    await ready();
    const called = event(Events.InteractionCreate, (interaction) => interaction.isChatInputCommand());
    const [, [interaction]] = await Promise.all([(await channel()).send('interact'), called]);
    await interaction.reply('at your service');
    return { command: interaction.commandName, text: interaction.options.getString('text') };
  },
  async resume() {
    await ready();
    const text = `reconnect ${process.pid}`;
    const [{ answer }, [shard, replayed]] = await Promise.all([
      converse(text, 'While you were away:'),
      event(Events.ShardResume),
    ]);
    // The gateway works on, on the new connection.
    await converse('hello again');
    return { answer: answer.content, shard, replayed };
  },
  async 'echo.gateway'() {
    const { answer } = await converse('echo-key');
    return { answer: answer.content };
  },
};

await runSteps(steps);
await client.destroy();
