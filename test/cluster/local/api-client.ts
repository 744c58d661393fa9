import { request } from 'node:https';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { network, ports } from './addresses.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
  readonly body: unknown;
}

export interface ApiClient {
  get(path: string): Promise<ApiAnswer>;
  /** Server-side apply: creates or brings to the given state */
  apply(path: string, object: object): Promise<void>;
}

/** The administrator's few requests while the cluster comes up, without a kubectl process for each. */
export function apiClient(
  pkiDir: string,
  target: { host: string; port: number } = { host: network.nodeAddress, port: ports.apiServer },
): ApiClient {
  const pem = (file: string): Buffer => readFileSync(join(pkiDir, file));
  const credentials = { ca: pem('ca.crt'), cert: pem('admin.crt'), key: pem('admin.key') };
  const send = (method: string, path: string, body?: object): Promise<ApiAnswer> =>
    new Promise((resolve, reject) => {
      const options = { ...target, ...credentials, method, path, agent: false, timeout: 5_000 };
      const headers = body === undefined ? {} : { 'content-type': 'application/apply-patch+yaml' };
      const outgoing = request({ ...options, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, body: parseJson(text) }));
      });
      outgoing.on('error', reject);
      outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path} timed out`)));
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });

  return {
    get: (path) => send('GET', path),
    async apply(path, object) {
      const answer = await send('PATCH', `${path}?fieldManager=seks-test-cluster&force=true`, object);
      if (answer.status >= 300)
        throw new Error(`apply ${path}: ${answer.status} ${answer.text.slice(0, 300)}`);
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
