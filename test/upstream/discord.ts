// discord.com: REST and CDN; the gateway is in discord-gateway.ts. What the gateway tells follows from the messages that a bot posts:
//   every message is told back, as to all members of a channel, and a user answers it;
//   `echo-key` gets the token back, in the answer and over the gateway; `busy` is refused with 429 the first time it comes;
//   `reconnect` makes the gateway ask for a new connection, and tells something that only a resumed session hears;
//   `interact` lets the user call the bot's slash command.
import { randomUUID } from 'node:crypto';
import { createDiscordGateway, GATEWAY_HOST, type DiscordGateway } from './discord-gateway.ts';
import {
  ADA,
  applicationOf,
  attachmentOf,
  botOf,
  CHANNEL_ID,
  commandInteraction,
  createSnowflakes,
  messageOf,
  type DiscordUser,
} from './discord-objects.ts';
import { argumentsOf, jsonObject, readCall, recordCall, textValue, type HostCall } from './host-call.ts';
import type { HostStub } from './host-stub.ts';
import { jsonReply, sendReply, type Reply } from './reply.ts';

const CDN_HOSTS: readonly string[] = ['cdn.discordapp.com', 'media.discordapp.net'];
const RETRY_AFTER_SECONDS = 0.25;

interface DiscordState {
  readonly gateway: DiscordGateway;
  readonly newId: () => string;
  /** path on the CDN, signature included → content */
  readonly attachments: Map<string, Buffer>;
  /** interaction id → its token */
  readonly interactions: Map<string, string>;
  readonly refusedTexts: Set<string>;
}

export function createDiscordStub(): HostStub {
  const newId = createSnowflakes();
  const state: DiscordState = {
    gateway: createDiscordGateway(newId),
    newId,
    attachments: new Map(),
    interactions: new Map(),
    refusedTexts: new Set(),
  };
  return {
    name: 'discord',
    hosts: ['discord.com', 'discordapp.com', GATEWAY_HOST, '*.discord.gg', ...CDN_HOSTS],
    async handle(request, response, deps) {
      const call = await readCall(request);
      const { authorization } = call.request.headers;
      const token = /^Bot (.+)$/.exec(authorization ?? '')?.[1];
      // What has another scheme is refused, and recorded as it is.
      const credential = token ?? authorization;
      const isExpectedKey = token !== undefined && deps.keys.accepts('discord', token);
      recordCall(deps, 'discord', call, { credential, isExpectedKey, path: loggablePath(call.url.pathname) });
      await sendReply(answer(state, call, isExpectedKey ? token : undefined, deps.clock()), response);
    },
    upgrade: (request, socket, head, deps) => state.gateway.take({ request, socket, head }, deps),
  };
}

/** interaction tokens are credentials too */
function loggablePath(path: string): string {
  return path.replace(/^(\/api\/v\d+\/(?:interactions|webhooks)\/\d+\/)[^/]+/, '$1…');
}

function failure(status: number, message: string, code = 0): Reply {
  return jsonReply({ message, code }, status);
}

function answer(state: DiscordState, call: HostCall, token: string | undefined, nowMs: number): Reply {
  if (CDN_HOSTS.includes(call.host)) return download(state, call);
  // One SDK writes `%40me`, the other `@me`.
  const path = /^\/api\/v10(\/.*)$/.exec(call.url.pathname)?.[1]?.replace('%40', '@');
  const callback = /^\/interactions\/(\d+)\/([^/]+)\/callback$/.exec(path ?? '');
  // Its path is its permission; the SDKs send no Authorization here.
  if (callback !== null) return answerInteraction(state, callback[1]!, callback[2]!, call);
  if (token === undefined) return failure(401, '401: Unauthorized');
  const user = botOf(token);
  switch (`${call.method} ${path}`) {
    case 'GET /gateway/bot':
      return jsonReply({
        url: `wss://${GATEWAY_HOST}`,
        shards: 1,
        session_start_limit: { total: 1000, remaining: 999, reset_after: 14_400_000, max_concurrency: 1 },
      });
    case 'GET /users/@me':
      return jsonReply(user);
    case 'GET /oauth2/applications/@me':
    case 'GET /applications/@me':
      return jsonReply(applicationOf(user.id));
    case `POST /channels/${CHANNEL_ID}/messages`:
      return postMessage(state, call, { token, user, nowMs });
    default:
      return failure(404, '404: Not Found');
  }
}

interface Poster {
  readonly token: string;
  readonly user: DiscordUser;
  readonly nowMs: number;
}

function postMessage(state: DiscordState, call: HostCall, { token, user, nowMs }: Poster): Reply {
  const { values, files } = argumentsOf(call);
  const payload =
    values['payload_json'] === undefined ? values : jsonObject(textValue(values['payload_json']));
  const text = textValue(payload['content']);
  if (text === '' && files.length === 0) return failure(400, 'Cannot send an empty message', 50_006);
  if (text.includes('busy') && !state.refusedTexts.has(text)) {
    state.refusedTexts.add(text);
    const body = { message: 'You are being rate limited.', retry_after: RETRY_AFTER_SECONDS, global: false };
    return jsonReply(body, 429, { ...limitHeaders(0), 'retry-after': '1', 'x-ratelimit-scope': 'shared' });
  }
  const attachments = files.map(({ filename, bytes }) => {
    const attachment = attachmentOf(state.newId(), filename, bytes.length, randomUUID().replaceAll('-', ''));
    const { pathname, search } = new URL(attachment.url);
    state.attachments.set(pathname + search, bytes);
    return attachment;
  });
  const content = text.includes('echo-key') ? `${text}: your key is ${token}, is it not?` : text;
  const say = (author: DiscordUser, words: string): Record<string, unknown> =>
    messageOf({ id: state.newId(), author, content: words, attachments: [], nowMs });
  const message = { ...say(user, content), attachments, nonce: payload['nonce'] };
  state.gateway.dispatch('MESSAGE_CREATE', message);
  state.gateway.dispatch('MESSAGE_CREATE', say(ADA, `You said: ${content}`));
  if (text.includes('interact')) {
    const interaction = { id: state.newId(), token: `aW50ZXJhY3Rpb246${randomUUID()}` };
    state.interactions.set(interaction.id, interaction.token);
    state.gateway.dispatch('INTERACTION_CREATE', commandInteraction(user.id, interaction, text));
  }
  if (text.includes('reconnect')) {
    state.gateway.askToReconnect();
    // Told to nobody now: it waits in each session.
    state.gateway.dispatch('MESSAGE_CREATE', say(ADA, `While you were away: ${content}`));
  }
  return jsonReply(message, 200, limitHeaders(4));
}

function limitHeaders(remaining: number): Record<string, string> {
  return {
    // Without it discord.py takes a 429 for a ban by the CDN and gives up.
    via: '1.1 google',
    'x-ratelimit-bucket': '80c17d2f203122d936070c88c8d10f33',
    'x-ratelimit-limit': '5',
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset-after': String(RETRY_AFTER_SECONDS),
  };
}

function answerInteraction(state: DiscordState, id: string, token: string, call: HostCall): Reply {
  if (state.interactions.get(id) !== token) return failure(404, 'Unknown interaction', 10_062);
  state.interactions.delete(id);
  const data = jsonObject(call.body)['data'] as { content?: unknown } | undefined;
  if (textValue(data?.content) === '') return failure(400, 'Invalid Form Body', 50_035);
  return { status: 204, headers: {}, parts: [] };
}

function download(state: DiscordState, { url }: HostCall): Reply {
  const bytes = state.attachments.get(url.pathname + url.search);
  if (bytes === undefined) return failure(404, 'This content is no longer available.');
  return {
    status: 200,
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(bytes.length) },
    parts: [bytes],
  };
}
