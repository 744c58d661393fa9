import { randomBytes } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';
import { type Provider, SeksError } from '@seks/crds';

import { createTokenTable } from '../credential/tokens.ts';
import { LeaseHolder } from '../lease/lease-state.ts';
import { createIssuedUrls } from '../route/issued-urls.ts';
import { createManualScheduler } from '../testing/manual-scheduler.ts';
import { testProvider } from '../testing/sealed-source.ts';
import { type StaticCredential, staticBindings, staticLease } from '../testing/static-lease.ts';
import { noLink, testLimits } from '../testing/test-grant.ts';
import { fakeToken } from '../testing/test-sidecar.ts';
import { type Admission, admit } from './admit.ts';
import { baseOrigin, hostOrigin, type Origin } from './origin.ts';

const CDN = 'cdn.discord.example';
const { name, spec } = testProvider('discord');
const discord: Provider = {
  name,
  spec: {
    ...spec,
    upstreams: [{ host: 'api.discord.example' }, { host: CDN, auth: 'None' }],
    auth: [
      { header: { name: 'authorization', scheme: 'Bot' } },
      { webSocketMessage: { field: 'd.token', paths: ['/v1/gateway'] } },
    ],
    keyless: [{ methods: ['POST'], paths: ['/v1/webhooks/*/*'] }],
  },
};
const first = credential('first');
const second = credential('second');

function credential(container: string): StaticCredential {
  const token = fakeToken('MT{token}');
  return { provider: discord, token, key: `real-key-of-${container}`, container, bindingUid: container };
}

function start() {
  const credentials = [first, second];
  const holder = new LeaseHolder(createManualScheduler());
  holder.replace(undefined, staticLease(credentials, noLink, testLimits()));
  const tokens = createTokenTable(staticBindings(credentials));
  return { holder, tokens, issued: createIssuedUrls(tokens, randomBytes(32)) };
}

const BASE = baseOrigin(15080, false);
const OWN = hostOrigin('api.discord.example');

interface Sent {
  method?: string;
  url: string;
  token?: string;
  origin?: Origin;
  upgrade?: boolean;
}

function send(
  options: ReturnType<typeof start>,
  { method = 'GET', url, token, origin = BASE, upgrade = false }: Sent,
) {
  const [host = ''] = origin.hosts;
  const rawHeaders = ['Host', host];
  if (token !== undefined) rawHeaders.push('Authorization', `Bot ${token}`);
  if (upgrade) rawHeaders.push('Connection', 'Upgrade', 'Upgrade', 'websocket');
  const record: Admission = { entry: undefined, credential: undefined, route: undefined };
  return admit({ method, url, httpVersion: '1.1', rawHeaders, origin, upgrade }, options, record);
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (cause) {
    return (cause as { code: string }).code;
  }
  return 'none';
}

describe('requests without token', () => {
  test.each<[string, Sent]>([
    ['a keyless route', { method: 'POST', url: '/discord/v1/webhooks/1/x' }],
    ["a keyless route on the provider's host", { method: 'POST', url: '/v1/webhooks/1/x', origin: OWN }],
    ['a WebSocket whose first message has the token', { url: '/discord/v1/gateway', upgrade: true }],
  ])('S16: %s goes on for one container when the credential of another was revoked', (_, sent) => {
    const options = start();
    expect(send(options, sent).entry.container).toBe('first');
    options.holder.revoke('first', new SeksError('SEKS_BINDING_SUSPENDED'));
    expect(send(options, sent).entry.container).toBe('second');
  });

  test('S7: when all were revoked the answer says why', () => {
    const options = start();
    for (const uid of ['first', 'second'])
      options.holder.revoke(uid, new SeksError('SEKS_BINDING_SUSPENDED'));
    const sent = { method: 'POST', url: '/discord/v1/webhooks/1/x' };
    expect(codeOf(() => send(options, sent))).toBe('SEKS_BINDING_SUSPENDED');
  });

  test.each<[string, Sent, string]>([
    ['another method', { url: '/discord/v1/webhooks/1/x' }, 'SEKS_TOKEN_MISSING'],
    ['a path of a WebSocket without one', { url: '/discord/v1/gateway' }, 'SEKS_TOKEN_MISSING'],
    ['a WebSocket at another path', { url: '/discord/v1/other', upgrade: true }, 'SEKS_TOKEN_MISSING'],
    ['no provider', { method: 'POST', url: '/v1/webhooks/1/x' }, 'SEKS_ROUTE_UNKNOWN'],
    ['a forged ticket', { url: `/discord/~${CDN}/~0-x/a` }, 'SEKS_URL_NOT_ISSUED'],
    ['no ticket', { url: `/discord/~${CDN}/a` }, 'SEKS_URL_NOT_ISSUED'],
    [
      'a key in the query',
      { method: 'POST', url: '/discord/v1/webhooks/1/x?token=y' },
      'SEKS_CREDENTIAL_FOREIGN',
    ],
  ])('S5: refuses %s', (_, sent, code) => {
    expect(codeOf(() => send(start(), sent))).toBe(code);
  });
});

describe('URLs that an answer handed out', () => {
  test('S16: are good for whom they were made, with its token or without', () => {
    const options = start();
    const [entry] = options.tokens.entries;
    if (entry === undefined) throw new RangeError('no entry');
    const url = `/discord/~${CDN}/~${options.issued.issue(entry, CDN, '/a b')}/a%20b?X-Amz-Signature=x`;
    for (const token of [undefined, first.token]) {
      const admitted = send(options, { url, ...(token === undefined ? {} : { token }) });
      expect(admitted).toMatchObject({ token: undefined, entry: { container: 'first' } });
      expect(admitted.target).toMatchObject({ path: '/a%20b', query: '?X-Amz-Signature=x' });
      expect(admitted.screened.headers).not.toHaveProperty('authorization');
    }
    expect(codeOf(() => send(options, { url, token: second.token }))).toBe('SEKS_URL_NOT_ISSUED');
    // S12: they end with the credential.
    options.holder.revoke('first', new SeksError('SEKS_BINDING_SUSPENDED'));
    expect(codeOf(() => send(options, { url }))).toBe('SEKS_BINDING_SUSPENDED');
  });
});
