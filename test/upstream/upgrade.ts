// The WebSocket side of the imitated providers: finds the API by host or path, as upstream.ts does for plain requests.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { stubForHost, type HostStubDeps } from './host-stub.ts';
import { HOST_STUBS } from './host-stubs.ts';
import { openaiSocket } from './openai-socket.ts';
import { geminiLive } from './gemini-live.ts';
import { requestUrl } from './request-url.ts';
import { refuseUpgrade } from './web-socket.ts';

/** listener for a server's `upgrade` event */
export function createUpgrade(
  deps: HostStubDeps,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  return (request, socket, head) => {
    // A client that is gone is no reason to end the stub.
    socket.on('error', () => socket.destroy());
    const stub = stubForHost(HOST_STUBS, request.headers.host);
    if (stub?.upgrade !== undefined) {
      stub.upgrade(request, socket, head, deps);
      return;
    }
    const url = requestUrl(request);
    const upgrade = { request, socket, head };
    if (stub === undefined && openaiSocket.owns(url)) openaiSocket.take(upgrade, url, deps);
    else if (stub === undefined && geminiLive.owns(url)) geminiLive.take(upgrade, url, deps);
    else refuseUpgrade(socket, 404, { error: { message: `no such API: ${url.pathname}` } });
  };
}
