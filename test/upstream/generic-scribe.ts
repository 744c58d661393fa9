// ElevenLabs' transcription while one speaks: a WebSocket with the key in the header of its handshake.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { elevenlabsError } from './generic-errors.ts';
import type { HostStubDeps } from './host-stub.ts';
import { single } from './provider-stub.ts';
import { recordUpgrade } from './record.ts';
import { requestUrl } from './request-url.ts';
import { acceptWebSocket, refuseUpgrade } from './web-socket.ts';

const PATH = '/v1/speech-to-text/realtime';
/** a model of this name hears the key */
const ECHO_MODEL = 'echo-key';

export function takeScribe(request: IncomingMessage, socket: Duplex, head: Buffer, deps: HostStubDeps): void {
  const url = requestUrl(request);
  const credential = single(request.headers['xi-api-key']);
  const isExpectedKey = credential !== undefined && deps.keys.accepts('generic', credential);
  const model = url.searchParams.get('model_id') ?? '';
  recordUpgrade(deps, 'generic', request, { credential, isExpectedKey, model });
  if (url.pathname !== PATH) return refuseUpgrade(socket, 404, elevenlabsError.body(404, 'Not Found'));
  if (!isExpectedKey)
    return refuseUpgrade(socket, 401, elevenlabsError.body(401, elevenlabsError.keyMessage));
  let bytes = 0;
  acceptWebSocket(
    { request, socket, head },
    {
      opened: (client) =>
        client.send({ message_type: 'session_started', session_id: 'stub', config: { model_id: model } }),
      received(client, message) {
        const audio = message['audio_base_64'];
        bytes += Buffer.from(typeof audio === 'string' ? audio : '', 'base64').length;
        if (message['commit'] !== true) return;
        const text = model === ECHO_MODEL ? `Your key is ${credential}` : `${bytes} bytes of sound`;
        client.send({ message_type: 'committed_transcript', text });
      },
    },
  );
}
