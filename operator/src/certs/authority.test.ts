import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:https';
import { connect } from 'node:tls';
import type { AddressInfo } from 'node:net';

import { describe, expect, jest, test } from '@jest/globals';
import { SeksError } from '@seks/crds';

import { createCertificateAuthority } from './authority.ts';
import type { CertificateAuthority } from './authority.ts';
import { memoryStore } from './memory-store.ts';
import type { MemoryStore } from './memory-store.ts';
import type { CertsLog } from './store.ts';
import type { IssuedCertificate } from './x509.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NAME = 'seks-webhook.seks.svc';

const silent: CertsLog = { info: () => undefined, error: () => undefined };

interface Fixture {
  store: MemoryStore;
  clock: { nowMs: number };
  authority: CertificateAuthority;
  /** a further replica on the same Secret and clock */
  replica: () => CertificateAuthority;
}

function fixture(startMs = Date.now(), permittedDnsSuffixes: string[] = []): Fixture {
  const store = memoryStore();
  const clock = { nowMs: startMs };
  const replica = (): CertificateAuthority =>
    createCertificateAuthority({ store, clock: () => clock.nowMs, log: silent, permittedDnsSuffixes });
  return { store, clock, authority: replica(), replica };
}

function certificates(bundle: string): X509Certificate[] {
  return bundle.split(/(?<=-----END CERTIFICATE-----\n)/).map((pem) => new X509Certificate(pem));
}

/** a TLS handshake with the certificate: `undefined`, or why the client refuses it */
async function handshake(
  issued: IssuedCertificate,
  ca: string,
  servername = NAME,
): Promise<string | undefined> {
  const server = createServer({ cert: issued.certPem, key: issued.keyPem });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  try {
    return await new Promise((resolve) => {
      const socket = connect({ host: '127.0.0.1', port, ca, servername }, () => {
        socket.destroy();
        resolve(undefined);
      });
      socket.on('error', (error: NodeJS.ErrnoException) =>
        resolve(error.code === 'UNSPECIFIED' ? error.message : error.code),
      );
    });
  } finally {
    await new Promise((resolve) => {
      server.close(resolve);
    });
  }
}

describe('CA', () => {
  test('is created once, for a year, and can sign serving certificates only', async () => {
    const { authority, store, clock } = fixture();
    await authority.refresh();
    expect(store.writes).toBe(1);
    const [ca, ...rest] = certificates(authority.bundle());
    expect(rest).toEqual([]);
    expect(ca?.ca).toBe(true);
    expect(ca?.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(Math.round(((ca?.validToDate.getTime() ?? 0) - clock.nowMs) / DAY)).toBe(365);
    await authority.refresh();
    expect(store.writes).toBe(1);
  });

  test('two replicas that start at once end with one CA', async () => {
    const { store, authority, replica } = fixture();
    const replicas = [authority, replica(), replica()];
    await Promise.all(replicas.map((one) => one.refresh()));
    expect(store.writes).toBe(1);
    expect(new Set(replicas.map((one) => one.bundle())).size).toBe(1);
    const issued = await replicas[2]?.issue([NAME]);
    expect(issued && (await handshake(issued, authority.bundle()))).toBeUndefined();
  });

  test('before it was read, bundle and issue say so', async () => {
    const { authority } = fixture();
    expect(() => authority.bundle()).toThrow(SeksError);
    await expect(authority.issue([NAME])).rejects.toMatchObject({ code: 'SEKS_INJECT_NOT_READY' });
  });

  test('concurrent refreshes of one replica read once', async () => {
    const { store, authority } = fixture();
    const read = jest.spyOn(store, 'read');
    await Promise.all([authority.refresh(), authority.refresh()]);
    // Once before the CA was created, once after.
    expect(read).toHaveBeenCalledTimes(2);
  });

  test('S1: no private key reaches the bundle, the log or an error', async () => {
    const info = jest.fn();
    const store = memoryStore();
    const authority = createCertificateAuthority({ store, clock: Date.now, log: { info, error: info } });
    await authority.refresh();
    const key = store.data?.['current.key']?.toString() ?? '';
    expect(key).toContain('PRIVATE KEY');
    const body = key.split('\n')[1] ?? key;
    expect(authority.bundle() + JSON.stringify(info.mock.calls)).not.toContain(body);
  });
});

describe('serving certificate', () => {
  test('is accepted by a client that has the bundle, and by no other', async () => {
    const { authority, clock } = fixture();
    await authority.refresh();
    const issued = await authority.issue([NAME, 'seks-webhook.seks.svc.cluster.local']);
    expect(issued.notAfterMs - clock.nowMs).toBeGreaterThan(7 * DAY - MINUTE);
    expect(await handshake(issued, authority.bundle())).toBeUndefined();
    expect(
      await handshake(issued, authority.bundle(), 'seks-webhook.seks.svc.cluster.local'),
    ).toBeUndefined();
    expect(await handshake(issued, authority.bundle(), 'other.seks.svc')).toBe(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
    const other = fixture();
    await other.authority.refresh();
    expect(await handshake(issued, other.authority.bundle())).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test('has a key of its own each time, and cannot sign', async () => {
    const { authority } = fixture();
    await authority.refresh();
    const [one, two] = await Promise.all([authority.issue([NAME]), authority.issue([NAME])]);
    expect(one.keyPem.equals(two.keyPem)).toBe(false);
    expect(new X509Certificate(one.certPem).ca).toBe(false);
  });

  test('does not outlive its CA', async () => {
    const { authority, clock, store } = fixture();
    await authority.refresh();
    const [ca] = certificates(authority.bundle());
    clock.nowMs += 364 * DAY;
    // The API server is away: no refresh, so the old CA still signs.
    expect(store.writes).toBe(1);
    expect((await authority.issue([NAME])).notAfterMs).toBe(ca?.validToDate.getTime());
  });

  test('name constraints keep the CA from vouching for other names', async () => {
    const { authority } = fixture(Date.now(), ['seks.svc', 'seks.svc.cluster.local']);
    await authority.refresh();
    expect(await handshake(await authority.issue([NAME]), authority.bundle())).toBeUndefined();
    const evil = await authority.issue(['api.openai.com']);
    expect(await handshake(evil, authority.bundle(), 'api.openai.com')).toBe('permitted subtree violation');
  });
});

describe('rotation', () => {
  test('next, current, previous: each step at its time', async () => {
    const { authority, clock } = fixture();
    const start = clock.nowMs;
    const at = async (ms: number): Promise<string[]> => {
      clock.nowMs = start + ms;
      await authority.refresh();
      return certificates(authority.bundle()).map(({ fingerprint }) => fingerprint);
    };
    const [first] = await at(0);
    expect(await at(243 * DAY)).toEqual([first]);
    const two = await at(244 * DAY);
    expect(two).toEqual([first, expect.any(String)]);
    expect(await at(244 * DAY + 59 * MINUTE)).toEqual(two);
    expect(await at(244 * DAY + 61 * MINUTE)).toEqual(two.toReversed());
    expect(await at(364 * DAY)).toEqual(two.toReversed());
    expect(await at(366 * DAY)).toEqual([two[1]]);
  });

  test('a client with the bundle of before, during or after the overlap accepts what is served then', async () => {
    const { authority, clock } = fixture(Date.now() - 250 * DAY);
    await authority.refresh();
    const before = authority.bundle();
    clock.nowMs = Date.now() - 70 * MINUTE;
    await authority.refresh();
    const during = authority.bundle();
    const old = await authority.issue([NAME]);
    clock.nowMs = Date.now();
    await authority.refresh();
    const after = authority.bundle();
    const fresh = await authority.issue([NAME]);
    for (const bundle of [before, during, after]) expect(await handshake(old, bundle)).toBeUndefined();
    for (const bundle of [during, after]) expect(await handshake(fresh, bundle)).toBeUndefined();
    expect(await handshake(fresh, before)).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test('replicas that renew at once agree', async () => {
    const { authority, replica, clock, store } = fixture();
    const replicas = [authority, replica(), replica()];
    await authority.refresh();
    clock.nowMs += 300 * DAY;
    await Promise.all(replicas.map((one) => one.refresh()));
    expect(store.writes).toBe(2);
    clock.nowMs += 2 * HOUR;
    await Promise.all(replicas.map((one) => one.refresh()));
    expect(store.writes).toBe(3);
    expect(new Set(replicas.map((one) => one.bundle())).size).toBe(1);
    expect(certificates(authority.bundle())).toHaveLength(2);
  });

  test('the key of the previous CA is gone', async () => {
    const { authority, clock, store } = fixture();
    await authority.refresh();
    clock.nowMs += 300 * DAY;
    await authority.refresh();
    clock.nowMs += 2 * HOUR;
    await authority.refresh();
    expect(Object.keys(store.data ?? {}).sort()).toEqual(['current.crt', 'current.key', 'previous.crt']);
  });

  test('a cluster that slept past the end of its CA gets a new one at once', async () => {
    const { authority, clock } = fixture(Date.now() - 400 * DAY);
    await authority.refresh();
    clock.nowMs = Date.now();
    await authority.refresh();
    expect(certificates(authority.bundle())).toHaveLength(1);
    expect(await handshake(await authority.issue([NAME]), authority.bundle())).toBeUndefined();
  });

  test('tells its listeners of each change, and of nothing else', async () => {
    const { authority, clock } = fixture();
    const changed = jest.fn();
    const unsubscribe = authority.onChange(changed);
    await authority.refresh();
    await authority.refresh();
    expect(changed).toHaveBeenCalledTimes(1);
    clock.nowMs += 300 * DAY;
    await authority.refresh();
    clock.nowMs += 2 * HOUR;
    await authority.refresh();
    expect(changed).toHaveBeenCalledTimes(3);
    unsubscribe();
    clock.nowMs += 366 * DAY;
    await authority.refresh();
    expect(changed).toHaveBeenCalledTimes(3);
  });
});

describe('the Secret', () => {
  test.each<[string, (data: Record<string, Buffer>) => void]>([
    [
      'current.crt and current.key are missing',
      (data) => {
        delete data['current.crt'];
        delete data['current.key'];
      },
    ],
    [
      'current.crt or current.key is missing',
      (data) => {
        delete data['current.key'];
      },
    ],
    [
      'next.crt or next.key is missing',
      (data) => {
        data['next.key'] = Buffer.from('x');
      },
    ],
    [
      'current.crt and current.key are not',
      (data) => {
        data['current.key'] = Buffer.from('canary');
      },
    ],
    [
      'current.crt and current.key are not',
      (data) => {
        data['current.crt'] = Buffer.from('canary');
      },
    ],
    [
      'previous.crt is not',
      (data) => {
        data['previous.crt'] = Buffer.from('canary');
      },
    ],
  ])('S7: is not replaced when %s', async (problem, change) => {
    const { store, authority, replica } = fixture();
    await authority.refresh();
    change(store.data ?? {});
    const writes = store.writes;
    const refreshed = replica().refresh();
    await expect(refreshed).rejects.toMatchObject({ code: 'SEKS_CONFIG_INVALID' });
    await expect(refreshed).rejects.toThrow(problem);
    await expect(refreshed).rejects.not.toThrow('canary');
    expect(store.writes).toBe(writes);
  });

  test('S7: a key that is not that of the certificate is refused', async () => {
    const { store, authority, replica } = fixture();
    const other = fixture();
    await Promise.all([authority.refresh(), other.authority.refresh()]);
    const key = other.store.data?.['current.key'];
    if (store.data !== undefined && key !== undefined) store.data['current.key'] = key;
    await expect(replica().refresh()).rejects.toMatchObject({ code: 'SEKS_CONFIG_INVALID' });
  });

  test('deleting it starts over', async () => {
    const { store, authority } = fixture();
    await authority.refresh();
    const before = authority.bundle();
    store.data = undefined;
    await authority.refresh();
    expect(certificates(authority.bundle())).toHaveLength(1);
    expect(authority.bundle()).not.toBe(before);
  });
});

describe('start', () => {
  test('follows the Secret, survives errors and stops with the signal', async () => {
    const { store, clock, replica } = fixture();
    const stop = new AbortController();
    const error = jest.fn();
    const authority = createCertificateAuthority({
      store,
      clock: () => clock.nowMs,
      log: { info: () => undefined, error },
      pollMs: 1,
    });
    await authority.start(stop.signal);
    const failed = new Promise<void>((resolve) => {
      jest.spyOn(store, 'read').mockImplementationOnce(() => {
        resolve();
        return Promise.reject(new Error('the API server is away'));
      });
    });
    await failed;
    const changed = new Promise<void>((resolve) => {
      authority.onChange(resolve);
    });
    clock.nowMs += 300 * DAY;
    await replica().refresh();
    await changed;
    expect(error).toHaveBeenCalledWith(
      expect.objectContaining({ event: 'ca_refresh_failed' }),
      expect.any(String),
    );
    stop.abort();
    expect(certificates(authority.bundle())).toHaveLength(2);
  });

  test('fails if the CA cannot be read at all', async () => {
    const store = { ...memoryStore(), read: () => Promise.reject(new Error('forbidden')) };
    const authority = createCertificateAuthority({ store, clock: Date.now, log: silent });
    await expect(authority.start(AbortSignal.timeout(10_000))).rejects.toThrow('forbidden');
  });
});
