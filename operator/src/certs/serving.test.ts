import { X509Certificate } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import type { SecureContextOptions } from 'node:tls';

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';

import { createCertificateAuthority } from './authority.ts';
import type { CertificateAuthority } from './authority.ts';
import { memoryStore } from './memory-store.ts';
import { keepServingCertificate } from './serving.ts';

const HOUR = 3600_000;
const DAY = 24 * HOUR;

let stop: AbortController;
let clock: { nowMs: number };
let authority: CertificateAuthority;
/** emits `served` for each certificate that the server gets, `asked` for each look at the clock */
let events: EventEmitter;
let served: X509Certificate[];

beforeEach(async () => {
  stop = new AbortController();
  clock = { nowMs: Date.now() };
  events = new EventEmitter();
  served = [];
  const log = { info: () => undefined, error: () => undefined };
  authority = createCertificateAuthority({ store: memoryStore(), clock: () => clock.nowMs, log });
  await authority.refresh();
});

afterEach(() => stop.abort());

function keep(options: { issue?: CertificateAuthority['issue']; error?: () => void } = {}): Promise<void> {
  const server = {
    setSecureContext(context: SecureContextOptions) {
      served.push(new X509Certificate(context.cert as string));
      events.emit('served');
    },
  };
  return keepServingCertificate({
    server,
    authority: { ...authority, ...(options.issue === undefined ? {} : { issue: options.issue }) },
    dnsNames: ['seks-webhook.seks.svc'],
    clock: () => {
      events.emit('asked');
      return clock.nowMs;
    },
    log: { info: () => undefined, error: options.error ?? (() => undefined) },
    signal: stop.signal,
    checkMs: 1,
  });
}

describe('keepServingCertificate', () => {
  test('the server has a certificate when it resolves', async () => {
    await keep();
    expect(served.map(({ subjectAltName }) => subjectAltName)).toEqual(['DNS:seks-webhook.seks.svc']);
  });

  test('renews at two thirds of the life, not before', async () => {
    await keep();
    clock.nowMs += 4 * DAY;
    // Two looks at the clock from now on: one check has come to its end.
    await once(events, 'asked');
    await once(events, 'asked');
    expect(served).toHaveLength(1);
    clock.nowMs += DAY;
    await once(events, 'served');
    expect(served[1]?.validFromDate.getTime()).toBeGreaterThan(served[0]?.validFromDate.getTime() ?? 0);
    await once(events, 'asked');
    await once(events, 'asked');
    expect(served).toHaveLength(2);
  });

  test('changes to the new CA as soon as it signs', async () => {
    await keep();
    const issuer = served[0]?.issuer;
    clock.nowMs += 300 * DAY;
    stop.abort();
    stop = new AbortController();
    await authority.refresh();
    await keep();
    expect(served[1]?.issuer).toBe(issuer);
    clock.nowMs += 2 * HOUR;
    const changed = once(events, 'served');
    await authority.refresh();
    await changed;
    expect(served[2]?.issuer).not.toBe(issuer);
  });

  test('a failed renewal is logged and tried again', async () => {
    const error = jest.fn();
    let calls = 0;
    const issue: CertificateAuthority['issue'] = (names) => {
      calls += 1;
      return calls === 2 ? Promise.reject(new Error('boom')) : authority.issue(names);
    };
    await keep({ issue, error });
    clock.nowMs += 5 * DAY;
    await once(events, 'served');
    expect(calls).toBe(3);
    expect(error).toHaveBeenCalledTimes(1);
  });

  test('rejects if there is no first certificate', async () => {
    await expect(keep({ issue: () => Promise.reject(new Error('boom')) })).rejects.toThrow('boom');
  });

  test('lets go of the authority when the signal aborts', async () => {
    await keep();
    stop.abort();
    clock.nowMs += 300 * DAY;
    await authority.refresh();
    clock.nowMs += 2 * HOUR;
    await authority.refresh();
    expect(served).toHaveLength(1);
  });
});
