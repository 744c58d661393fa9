// One way to reach the bench's upstream: directly, through nginx, or through the sidecar.
import { request as httpRequest, Agent as HttpAgent } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest, Agent as HttpsAgent } from 'node:https';

export interface Target {
  name: string;
  /** base URL, without a path at its end */
  url: string;
  /** path of the chat completion route below `url` */
  path: string;
  authorization: string;
  /** PEM of the CA, for a direct target */
  ca?: string;
  /** process whose CPU time and memory count; none for the direct target */
  pid?: number;
}

export const REQUEST_BODY = JSON.stringify({
  model: 'gpt-bench',
  messages: [{ role: 'user', content: 'x'.repeat(900) }],
});

const TIMEOUT_MS = 10_000;

/** opens keep-alive connections to a target; `close` ends them */
export function connect(target: Target): {
  send(stream: boolean): { request: ClientRequest; response: Promise<IncomingMessage> };
  close(): void;
} {
  const url = new URL(target.url);
  const secure = url.protocol === 'https:';
  const agent = secure
    ? new HttpsAgent({ keepAlive: true, ...(target.ca === undefined ? {} : { ca: target.ca }) })
    : new HttpAgent({ keepAlive: true });
  return {
    send(stream) {
      const request = (secure ? httpsRequest : httpRequest)({
        agent,
        host: url.hostname,
        port: url.port,
        path: target.path,
        method: 'POST',
        timeout: TIMEOUT_MS,
        headers: {
          authorization: target.authorization,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(REQUEST_BODY),
          ...(stream ? { 'x-bench-stream': '1' } : {}),
        },
      });
      const response = new Promise<IncomingMessage>((resolve, reject) => {
        request.once('response', resolve);
        request.once('error', reject);
        request.once('timeout', () =>
          request.destroy(new Error(`${target.name}: no answer in ${TIMEOUT_MS} ms`)),
        );
      });
      request.setNoDelay(true);
      request.end(REQUEST_BODY);
      return { request, response };
    },
    close: () => agent.destroy(),
  };
}

/** reads an answer to its end; throws unless the status is 200 */
export async function drain(response: IncomingMessage, name: string): Promise<number> {
  let bytes = 0;
  for await (const chunk of response) bytes += (chunk as Buffer).length;
  if (response.statusCode !== 200) throw new Error(`${name}: status ${response.statusCode}`);
  return bytes;
}
