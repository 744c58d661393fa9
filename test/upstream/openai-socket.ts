// OpenAI's WebSockets: /v1/realtime, with the key in a header or a subprotocol, and /v1/responses.
import { randomUUID } from 'node:crypto';
import type { HostStubDeps } from './host-stub.ts';
import { mask } from './mask.ts';
import { bearer, countTokens, lastContent, textOf } from './provider-stub.ts';
import { recordUpgrade } from './record.ts';
import { acceptWebSocket, refuseUpgrade, type JsonSocket, type Upgrade } from './web-socket.ts';

/** how a browser, which can set no header, sends the key */
const KEY_PROTOCOL = 'openai-insecure-api-key.';
/** models of this name repeat the key, as in behaviour.ts */
const ECHO_MODEL = 'echo-key';

export const openaiSocket = {
  owns: (url: URL): boolean => url.pathname === '/v1/realtime' || url.pathname === '/v1/responses',

  take(upgrade: Upgrade, url: URL, deps: HostStubDeps): void {
    const { headers } = upgrade.request;
    const credential = bearer(headers) ?? protocolKey(headers['sec-websocket-protocol']);
    const isExpectedKey = credential !== undefined && deps.keys.accepts('openai', credential);
    const model = url.searchParams.get('model') ?? undefined;
    recordUpgrade(deps, 'openai', upgrade.request, { credential, isExpectedKey, model });
    if (!isExpectedKey) {
      const shown = credential === undefined ? '' : `: ${mask(credential)}`;
      const error = { message: `Incorrect API key provided${shown}.`, code: 'invalid_api_key' };
      refuseUpgrade(upgrade.socket, 401, { error });
      return;
    }
    if (url.pathname === '/v1/realtime') talkRealtime(upgrade, model ?? '', credential);
    else talkResponses(upgrade, credential);
  },
};

function protocolKey(offered: string | undefined): string | undefined {
  const found = offered?.split(',').find((one) => one.trim().startsWith(KEY_PROTOCOL));
  return found?.trim().slice(KEY_PROTOCOL.length);
}

function talkRealtime(upgrade: Upgrade, model: string, key: string): void {
  let prompt = '';
  const session = { id: newId('sess_'), object: 'realtime.session', type: 'realtime', model };
  acceptWebSocket(upgrade, {
    protocol: 'realtime',
    opened: (client) => send(client, 'session.created', { session }),
    received(client, message) {
      switch (message['type']) {
        case 'session.update':
          send(client, 'session.updated', { session });
          break;
        case 'conversation.item.create': {
          const item = message['item'] as { content?: unknown } | undefined;
          prompt = textOf(item?.content);
          send(client, 'conversation.item.added', { previous_item_id: null, item });
          break;
        }
        case 'response.create':
          respond(client, said(model, prompt, key), prompt);
          break;
        default: {
          const text = `Invalid value: '${String(message['type'])}'.`;
          send(client, 'error', {
            error: { type: 'invalid_request_error', code: 'invalid_value', message: text },
          });
        }
      }
    },
  });
}

function respond(client: JsonSocket, text: string, prompt: string): void {
  const place = { response_id: newId('resp_'), item_id: newId('item_'), output_index: 0, content_index: 0 };
  const response = { id: place.response_id, object: 'realtime.response', status: 'in_progress', output: [] };
  send(client, 'response.created', { response });
  send(client, 'response.output_text.delta', { ...place, delta: text });
  send(client, 'response.output_text.done', { ...place, text });
  const content = [{ type: 'output_text', text }];
  const item = { id: place.item_id, type: 'message', role: 'assistant', status: 'completed', content };
  send(client, 'response.done', {
    response: { ...response, status: 'completed', output: [item], usage: usageOf(prompt, text) },
  });
}

function talkResponses(upgrade: Upgrade, key: string): void {
  acceptWebSocket(upgrade, {
    received(client, message) {
      if (message['type'] !== 'response.create') {
        const error = { type: 'invalid_request_error', code: 'invalid_type', message: 'unknown type' };
        client.send({ type: 'error', status: 400, error });
        return;
      }
      const input = message['input'];
      const model = String(message['model']);
      const prompt = typeof input === 'string' ? input : lastContent(input);
      const text = said(model, prompt, key);
      const itemId = newId('msg_');
      const place = { item_id: itemId, output_index: 0, content_index: 0 };
      const content = [{ type: 'output_text', text, annotations: [] }];
      const item = { id: itemId, type: 'message', role: 'assistant', status: 'completed', content };
      const started = { id: newId('resp_'), object: 'response', status: 'in_progress', model, output: [] };
      const completed = { ...started, status: 'completed', output: [item], usage: usageOf(prompt, text) };
      let sequence = 0;
      const event = (type: string, more: object): void =>
        client.send({ type, sequence_number: sequence++, ...more });
      event('response.created', { response: started });
      event('response.output_text.delta', { ...place, delta: text, logprobs: [] });
      event('response.output_text.done', { ...place, text, logprobs: [] });
      event('response.completed', { response: completed });
    },
  });
}

function said(model: string, prompt: string, key: string): string {
  return model === ECHO_MODEL ? `Your key is ${key}, is it not?` : `The openai stub heard: ${prompt}`;
}

function usageOf(prompt: string, text: string): object {
  const [input, output] = [countTokens(prompt), countTokens(text)];
  return {
    input_tokens: input,
    output_tokens: output,
    total_tokens: input + output,
    input_token_details: { cached_tokens: 0, text_tokens: input, audio_tokens: 0 },
    output_token_details: { text_tokens: output, audio_tokens: 0 },
  };
}

function send(client: JsonSocket, type: string, more: object): void {
  client.send({ type, event_id: newId('event_'), ...more });
}

function newId(prefix: string): string {
  return prefix + randomUUID().replaceAll('-', '').slice(0, 24);
}
