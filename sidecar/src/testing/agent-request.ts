// Test help: requests as an agent sends them, each on a connection of its own. By Node's client, because fetch does not send
// everything as it is.
import { once } from 'node:events';
import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as httpRequest,
} from 'node:http';
import { text } from 'node:stream/consumers';

export interface RequestHead {
  method: string;
  path: string;
  headers?: OutgoingHttpHeaders;
}

export interface WholeRequest {
  /** omitted: POST if there is a body, otherwise GET */
  method?: string;
  path: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer | undefined;
}

export interface WholeAnswer {
  status: number;
  statusText: string;
  /** where the sidecar itself has answered */
  code: string | undefined;
  headers: IncomingHttpHeaders;
  rawHeaders: string[];
  rawTrailers: string[];
  body: string;
}

/** opens a request whose body the caller sends */
export function openRequest(port: number, { method, path, headers = {} }: RequestHead): ClientRequest {
  return httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false });
}

/** resolves with the head of the answer, whose body the caller reads */
export async function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return answer;
}

/** sends a whole request and reads the whole answer; a body has a length unless the headers say that it is chunked */
export async function ask(port: number, { body, method, ...head }: WholeRequest): Promise<WholeAnswer> {
  const request = openRequest(port, { method: method ?? (body === undefined ? 'GET' : 'POST'), ...head });
  request.end(body);
  const answer = await answerTo(request);
  const whole = await text(answer);
  const { statusCode = 0, statusMessage = '', headers, rawHeaders, rawTrailers } = answer;
  const code = headers['x-seks-error'];
  return {
    status: statusCode,
    statusText: statusMessage,
    code: code === undefined ? undefined : String(code),
    headers,
    rawHeaders,
    rawTrailers,
    body: whole,
  };
}
