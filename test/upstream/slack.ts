// slack.com: Web API with a bot token, file upload by ticket and download with the token, Socket Mode with an app token.
//   A text with `echo-key` gets the bot token back; one with `busy` is refused with 429 the first time it comes.
//   Every posted text is answered by a user, which reaches the app as an event over Socket Mode.
import { randomUUID } from 'node:crypto';
import {
  argumentsOf,
  hostOf,
  readCall,
  recordCall,
  textValue,
  type CallArguments,
  type HostCall,
} from './host-call.ts';
import type { HostStub, HostStubDeps } from './host-stub.ts';
import type { ProviderName } from './provider-stub.ts';
import { bearer } from './provider-stub.ts';
import { recordUpgrade } from './record.ts';
import { jsonReply, sendReply, type Reply } from './reply.ts';
import { createSocketMode, SOCKET_HOSTS, type SocketMode } from './slack-socket-mode.ts';
import { refuseUpgrade } from './web-socket.ts';

const FILES_HOST = 'files.slack.com';
const BOT_USER = 'U0STUBBOT';
const TEAM = 'T0STUB';

interface Upload {
  readonly filename: string;
  readonly length: number;
  bytes: Buffer | undefined;
}

interface SlackState {
  readonly socketMode: SocketMode;
  /** by file id */
  readonly uploads: Map<string, Upload>;
  /** upload ticket → file id */
  readonly tickets: Map<string, string>;
  readonly refusedTexts: Set<string>;
}

export function createSlackStub(): HostStub {
  const state: SlackState = {
    socketMode: createSocketMode(),
    uploads: new Map(),
    tickets: new Map(),
    refusedTexts: new Set(),
  };
  return {
    name: 'slack',
    hosts: ['slack.com', 'www.slack.com', FILES_HOST, ...SOCKET_HOSTS],
    async handle(request, response, deps) {
      const call = await readCall(request);
      const reply = call.host === FILES_HOST ? fileHost(state, call, deps) : webApi(state, call, deps);
      await sendReply(reply, response);
    },
    upgrade(request, socket, head, deps) {
      recordUpgrade(deps, 'slack', request, { credential: undefined, isExpectedKey: false });
      if (!SOCKET_HOSTS.includes(hostOf(request)))
        refuseUpgrade(socket, 404, { ok: false, error: 'not_found' });
      else state.socketMode.take({ request, socket, head });
    },
  };
}

/** The API answers its refusals with status 200. */
function refusal(error: string): Reply {
  return jsonReply({ ok: false, error });
}

/** a token in the Authorization header or, the older way, among the arguments */
function tokenOf(call: HostCall, { values }: CallArguments): string | undefined {
  const argument = textValue(values['token']);
  return bearer(call.request.headers) ?? (argument === '' ? undefined : argument);
}

/** checks the credential and records the request */
function admit(
  call: HostCall,
  provider: ProviderName,
  credential: string | undefined,
  deps: HostStubDeps,
): credential is string {
  const isExpectedKey = credential !== undefined && deps.keys.accepts(provider, credential);
  recordCall(deps, provider, call, { credential, isExpectedKey });
  return isExpectedKey;
}

function webApi(state: SlackState, call: HostCall, deps: HostStubDeps): Reply {
  const method = /^\/api\/([\w.]+)$/.exec(call.url.pathname)?.[1];
  const args = argumentsOf(call);
  const token = tokenOf(call, args);
  const isAppMethod = method === 'apps.connections.open';
  if (!admit(call, isAppMethod ? 'slackapp' : 'slack', token, deps)) {
    return refusal(token === undefined ? 'not_authed' : 'invalid_auth');
  }
  if (isAppMethod) return jsonReply({ ok: true, url: state.socketMode.open(token) });
  switch (method) {
    case 'auth.test':
      return jsonReply({
        ok: true,
        url: 'https://stub.slack.com/',
        team: 'Stub',
        team_id: TEAM,
        user_id: BOT_USER,
      });
    case 'chat.postMessage':
      return postMessage(state, token, args, deps.clock());
    case 'files.getUploadURLExternal':
      return uploadUrl(state, args);
    case 'files.completeUploadExternal':
      return completeUpload(state, args);
    default:
      return refusal('unknown_method');
  }
}

function postMessage(state: SlackState, token: string, { values }: CallArguments, nowMs: number): Reply {
  const text = textValue(values['text']);
  const channel = textValue(values['channel']);
  if (text === '') return refusal('no_text');
  if (text.includes('busy') && !state.refusedTexts.has(text)) {
    state.refusedTexts.add(text);
    return jsonReply({ ok: false, error: 'ratelimited' }, 429, { 'retry-after': '1' });
  }
  const ts = (nowMs / 1000).toFixed(6);
  state.socketMode.tell({ channel, ts, text });
  const message = {
    type: 'message',
    user: BOT_USER,
    ts,
    text: text.includes('echo-key') ? `${text}: your key is ${token}, is it not?` : text,
  };
  return jsonReply({ ok: true, channel, ts, message });
}

function uploadUrl(state: SlackState, { values }: CallArguments): Reply {
  const length = Number(textValue(values['length']));
  const filename = textValue(values['filename']);
  if (filename === '' || !(length > 0)) return refusal('invalid_arguments');
  const fileId = `F${randomUUID().slice(0, 8).toUpperCase()}`;
  const ticket = randomUUID().replaceAll('-', '');
  state.uploads.set(fileId, { filename, length, bytes: undefined });
  state.tickets.set(ticket, fileId);
  return jsonReply({ ok: true, upload_url: `https://${FILES_HOST}/upload/v1/${ticket}`, file_id: fileId });
}

function completeUpload(state: SlackState, { values }: CallArguments): Reply {
  const listed = parseFiles(values['files']);
  const files = listed.map(({ id }) => ({ id, upload: state.uploads.get(id) }));
  if (files.length === 0 || files.some(({ upload }) => upload?.bytes === undefined))
    return refusal('file_not_found');
  return jsonReply({
    ok: true,
    files: files.map(({ id, upload }) => {
      const url = `https://${FILES_HOST}/files-pri/${TEAM}-${id}/download/${upload!.filename}`;
      const size = upload!.bytes!.length;
      return { id, name: upload!.filename, size, url_private: url, url_private_download: url };
    }),
  });
}

/** the list comes as JSON text in a form */
function parseFiles(value: unknown): readonly { readonly id: string }[] {
  try {
    const list: unknown = typeof value === 'string' ? JSON.parse(value) : value;
    return Array.isArray(list) ? (list as { id: string }[]) : [];
  } catch {
    return [];
  }
}

function fileHost(state: SlackState, call: HostCall, deps: HostStubDeps): Reply {
  const { pathname } = call.url;
  const token = bearer(call.request.headers);
  const isAdmitted = admit(call, 'slack', token, deps);
  const ticket = /^\/upload\/v1\/(\w+)$/.exec(pathname)?.[1];
  // The ticket is the permission: a token is neither needed nor looked at.
  if (ticket !== undefined && call.method === 'POST') return takeUpload(state, ticket, call);
  const fileId = /^\/files-pri\/[A-Z0-9]+-([A-Z0-9]+)\//.exec(pathname)?.[1];
  const file = state.uploads.get(fileId ?? '');
  if (!isAdmitted || file?.bytes === undefined) {
    // Slack sends strangers to its login page.
    const headers = { location: 'https://stub.slack.com/?redir=%2Ffiles-pri', 'content-length': '0' };
    return { status: 302, headers, parts: [] };
  }
  return {
    status: 200,
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(file.bytes.length) },
    parts: [file.bytes],
  };
}

function takeUpload(state: SlackState, ticket: string, call: HostCall): Reply {
  const upload = state.uploads.get(state.tickets.get(ticket) ?? '');
  const isForm = call.request.headers['content-type']?.startsWith('multipart/') === true;
  const bytes = isForm ? argumentsOf(call).files[0]?.bytes : call.body;
  if (upload === undefined || bytes === undefined || bytes.length !== upload.length) {
    return { status: 400, headers: { 'content-type': 'text/plain' }, parts: [Buffer.from('bad upload')] };
  }
  state.tickets.delete(ticket);
  upload.bytes = bytes;
  const text = Buffer.from(`OK - ${bytes.length}`);
  return { status: 200, headers: { 'content-type': 'text/plain' }, parts: [text] };
}
