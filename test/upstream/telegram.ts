// api.telegram.org: bot methods, long polling and file downloads. The credential is part of the path.
//   A text with `echo-key` gets the key back; one with `busy` is refused with 429 the first time it comes.
//   Every text that a bot sends is answered by a user of that chat, which the bot finds with getUpdates.
import type { ServerResponse } from 'node:http';
import {
  argumentsOf,
  readCall,
  recordCall,
  textValue,
  type CallArguments,
  type HostCall,
} from './host-call.ts';
import type { HostStub } from './host-stub.ts';
import { jsonReply, sendReply, type Reply } from './reply.ts';
import { createUpdateQueue, type UpdateQueue } from './telegram-updates.ts';

const BOT_NAME = 'stub_bot';
const RETRY_AFTER_SECONDS = 1;

interface Chat {
  readonly id: number;
  readonly type: 'private';
  readonly first_name: string;
}

interface BotState {
  readonly updates: UpdateQueue;
  readonly files: Map<string, Buffer>;
  readonly refusedTexts: Set<string>;
  nextMessageId: number;
}

interface BotPath {
  readonly isFile: boolean;
  /** percent-decoded */
  readonly token: string;
  /** method, or path of a file */
  readonly rest: string;
}

/** undefined: not a bot's path */
export function parseBotPath(path: string): BotPath | undefined {
  const match = /^\/(file\/)?bot([^/]+)\/(?:test\/)?(.+)$/.exec(path);
  if (match === null) return undefined;
  try {
    return { isFile: match[1] !== undefined, token: decodeURIComponent(match[2]!), rest: match[3]! };
  } catch {
    return undefined;
  }
}

export function createTelegramStub(): HostStub {
  const state: BotState = {
    updates: createUpdateQueue(),
    files: new Map(),
    refusedTexts: new Set(),
    nextMessageId: 1,
  };
  return {
    name: 'telegram',
    hosts: ['api.telegram.org'],
    async handle(request, response, deps) {
      const call = await readCall(request);
      const bot = parseBotPath(call.url.pathname);
      const isExpectedKey = bot !== undefined && deps.keys.accepts('telegram', bot.token);
      recordCall(deps, 'telegram', call, {
        credential: bot?.token,
        isExpectedKey,
        path: bot === undefined ? '/' : `/${bot.isFile ? 'file/' : ''}bot…/${bot.rest}`,
      });
      if (bot === undefined) return sendReply(failure(404, 'Not Found'), response);
      if (!isExpectedKey) return sendReply(failure(401, 'Unauthorized'), response);
      if (bot.isFile) return sendReply(download(state, bot.rest), response);
      const nowSeconds = Math.floor(deps.clock() / 1000);
      return sendReply(await answer(state, bot, call, response, nowSeconds), response);
    },
  };
}

function success(result: unknown): Reply {
  return jsonReply({ ok: true, result });
}

function failure(status: number, description: string, parameters?: Record<string, unknown>): Reply {
  const body = {
    ok: false,
    error_code: status,
    description,
    ...(parameters === undefined ? {} : { parameters }),
  };
  return jsonReply(body, status);
}

async function answer(
  state: BotState,
  { rest, token }: BotPath,
  call: HostCall,
  response: ServerResponse,
  nowSeconds: number,
): Promise<Reply> {
  const args = argumentsOf(call);
  // Method names are the same in any case.
  switch (rest.toLowerCase()) {
    case 'getme':
      return success({ ...botUser(token), can_join_groups: true, can_read_all_group_messages: false });
    case 'deletewebhook':
      return success(true);
    case 'getupdates':
      return updates(state, args, response);
    case 'sendmessage':
      return sendMessage(state, token, args, nowSeconds);
    case 'senddocument':
      return sendDocument(state, token, args, nowSeconds);
    case 'getfile':
      return getFile(state, textValue(args.values['file_id']));
    default:
      return failure(404, 'Not Found: method not found');
  }
}

async function updates(state: BotState, { values }: CallArguments, response: ServerResponse): Promise<Reply> {
  const poll = await state.updates.poll({
    offset: Number(textValue(values['offset'])),
    limit: Number(textValue(values['limit']) || '100'),
    timeoutMs: Number(textValue(values['timeout'])) * 1000,
    // A poll that its client gave up must not swallow updates.
    onGone: (gone) => response.once('close', gone),
  });
  return poll === 'replaced'
    ? failure(
        409,
        'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running',
      )
    : success(poll);
}

function sendMessage(state: BotState, token: string, { values }: CallArguments, date: number): Reply {
  const text = textValue(values['text']);
  if (text === '') return failure(400, 'Bad Request: message text is empty');
  if (text.includes('busy') && !state.refusedTexts.has(text)) {
    state.refusedTexts.add(text);
    const description = `Too Many Requests: retry after ${RETRY_AFTER_SECONDS}`;
    return failure(429, description, { retry_after: RETRY_AFTER_SECONDS });
  }
  const chat = chatOf(values);
  const echo = text.includes('echo-key') ? `Your key is ${token}, is it not? ` : '';
  state.updates.add({
    message: {
      message_id: state.nextMessageId++,
      from: { id: chat.id, is_bot: false, first_name: chat.first_name, language_code: 'en' },
      chat,
      date,
      text: `${echo}You said: ${text}`,
    },
  });
  return success({ ...messageFrom(state, token, chat, date), text: `${echo}${text}` });
}

function sendDocument(state: BotState, token: string, { values, files }: CallArguments, date: number): Reply {
  const file = files[0];
  if (file === undefined) return failure(400, 'Bad Request: there is no document in the request');
  const fileId = `BQACAgIAAxkD${state.nextMessageId}`;
  state.files.set(fileId, file.bytes);
  const document = {
    file_id: fileId,
    file_unique_id: `AgAD${state.nextMessageId}`,
    file_name: file.filename,
    mime_type: 'application/octet-stream',
    file_size: file.bytes.length,
  };
  const message = messageFrom(state, token, chatOf(values), date);
  return success({ ...message, document, caption: textValue(values['caption']) });
}

function getFile(state: BotState, fileId: string): Reply {
  const bytes = state.files.get(fileId);
  if (bytes === undefined) return failure(400, 'Bad Request: invalid file_id');
  return success({
    file_id: fileId,
    file_unique_id: `u${fileId}`,
    file_size: bytes.length,
    file_path: `documents/${fileId}.bin`,
  });
}

function download(state: BotState, path: string): Reply {
  const bytes = state.files.get(/^documents\/(.+)\.bin$/.exec(path)?.[1] ?? '');
  if (bytes === undefined) return failure(404, 'Not Found');
  return {
    status: 200,
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(bytes.length) },
    parts: [bytes],
  };
}

function messageFrom(state: BotState, token: string, chat: Chat, date: number): Record<string, unknown> {
  return { message_id: state.nextMessageId++, from: botUser(token), chat, date };
}

/** the number before the colon is the bot's id, and no secret */
function botUser(token: string): Record<string, unknown> {
  return { id: Number(token.split(':')[0]), is_bot: true, first_name: 'Stub', username: BOT_NAME };
}

function chatOf(values: CallArguments['values']): Chat {
  return { id: Number(textValue(values['chat_id'])), type: 'private', first_name: 'Ada' };
}
