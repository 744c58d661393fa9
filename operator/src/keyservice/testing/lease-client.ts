// A client of the key service that says what it is told to, right or wrong: over TLS with the key service's own CA, as sidecars do.
import type { ClientRequest, IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';

import { expect } from '@jest/globals';
import { errorAnswer, leaseAnswer, revokedEvent } from '@seks/crds';
import type { LeaseAnswer, LeaseRequest, Secret } from '@seks/crds';

import { SECRETS } from '../../kube/resources.ts';
import type { MockApiServer } from '../../kube/testing/mock-api-server.ts';
import { until } from '../../kube/testing/until.ts';
import { MISSING, leaseFor, podToken, sealedReport } from './fixture.ts';
import { RELEASE } from './running-keyservice.ts';
import type { RunningKeyservice } from './running-keyservice.ts';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface CallOptions {
  method?: string;
  /** the fixture's pod's when omitted */
  token?: Secret<'pod-token'> | string | undefined;
  body?: unknown;
  contentType?: string;
}

export async function call(
  service: RunningKeyservice,
  path: string,
  options: CallOptions = {},
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const request = send(service, path, options);
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
  });
}

export function codeOf(answer: Answer): string {
  return errorAnswer.parse(JSON.parse(answer.body)).error.code;
}

/** a lease, with the refusals in it; by default for the fixture's first credential with its sealed key */
export async function askLease(
  service: RunningKeyservice,
  request: LeaseRequest = leaseFor([sealedReport(service.envelope), MISSING]),
): Promise<LeaseAnswer> {
  const answer = await call(service, '/v1/leases', { method: 'POST', body: request });
  expect(answer.status).toBe(200);
  return leaseAnswer.parse(JSON.parse(answer.body));
}

export interface Followed {
  events: string[];
  isEnded: boolean;
  status: number;
}

/** opens the event stream as a sidecar does; events appear in the list as they arrive */
export function follow(service: RunningKeyservice, id: string, token?: Secret<'pod-token'>): Followed {
  const followed: Followed = { events: [], isEnded: false, status: 0 };
  let pending = '';
  const feed = (chunk: string): void => {
    const blocks = (pending + chunk).split('\n\n');
    pending = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, event, data = ''] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
      const revoked = event === 'revoked' ? revokedEvent.parse(JSON.parse(data)) : undefined;
      followed.events.push(revoked === undefined ? (event ?? block) : `revoked ${revoked.code}`);
    }
  };
  const request = send(service, `/v1/leases/${id}/events`, token === undefined ? {} : { token });
  request.on('response', (response) => {
    followed.status = response.statusCode ?? 0;
    response.setEncoding('utf8');
    response.on('data', feed);
    response.on('end', () => (followed.isEnded = true));
    response.on('error', () => (followed.isEnded = true));
  });
  request.on('error', () => (followed.isEnded = true));
  return followed;
}

/** as {@link follow}, once the stream is open */
export async function open(service: RunningKeyservice, id: string): Promise<Followed> {
  const followed = follow(service, id);
  await until('the stream is open', () => followed.status !== 0);
  expect(followed.status).toBe(200);
  return followed;
}

function send(service: RunningKeyservice, path: string, options: CallOptions): ClientRequest {
  const { method = 'GET', token = podToken(), body, contentType } = options;
  const bearer = typeof token === 'string' ? token : token.reveal((bytes) => bytes.toString());
  const request = httpsRequest({
    host: '127.0.0.1',
    port: service.port,
    servername: 'seks-keyservice.seks.svc.cluster.local',
    ca: caOf(service.api),
    agent: false,
    method,
    path,
    headers: {
      authorization: `Bearer ${bearer}`,
      ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
    },
  });
  request.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  return request;
}

function caOf(api: MockApiServer): Buffer {
  const data = api.get(SECRETS, 'seks-ca', RELEASE)?.['data'] as Record<string, string>;
  const pem = Object.values(data)
    .map((value) => Buffer.from(value, 'base64').toString())
    .join('\n');
  return Buffer.from(
    pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)?.join('\n') ?? '',
  );
}
