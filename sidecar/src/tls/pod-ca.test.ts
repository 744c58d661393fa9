// The pod's CA: what is in it, when it is kept and when it is made anew.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes, X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';

import { ensurePodCa, IDENTITY_FILE, type PodCa } from './pod-ca.ts';

const HOSTS = ['api.openai.com', 'api.telegram.org'];
const NOW_MS = Date.UTC(2026, 0, 1);
const YEAR_MS = 365.25 * 86_400_000;

let runDirectory: string;
let publicDirectory: string;

beforeEach(async () => {
  runDirectory = await mkdtemp(join(tmpdir(), 'seks-run-'));
  publicDirectory = await mkdtemp(join(tmpdir(), 'seks-public-'));
});

afterEach(async () => {
  for (const directory of [runDirectory, publicDirectory]) await rm(directory, { recursive: true });
});

function ensure(options: { hosts?: readonly string[]; nowMs?: number } = {}): Promise<PodCa> {
  return ensurePodCa({ runDirectory, publicDirectory, hosts: HOSTS, nowMs: NOW_MS, randomBytes, ...options });
}

describe('a new CA', () => {
  test('is valid for ten years, and an hour back', async () => {
    const { identity, reused } = await ensure();
    expect(reused).toBe(false);
    for (const pem of [identity.caPem, identity.leafPem]) {
      const certificate = new X509Certificate(pem);
      expect(certificate.validFromDate.getTime()).toBe(NOW_MS - 3_600_000);
      expect((certificate.validToDate.getTime() - NOW_MS) / YEAR_MS).toBeCloseTo(10, 2);
    }
  });

  test('has a certificate for the hosts and the own names', async () => {
    const { identity } = await ensure({ hosts: [...HOSTS, ...HOSTS].reverse() });
    expect(new X509Certificate(identity.leafPem).subjectAltName).toBe(
      'IP Address:127.0.0.1, DNS:localhost, DNS:api.openai.com, DNS:api.telegram.org',
    );
  });

  test('without hosts has one for the own names', async () => {
    const { identity } = await ensure({ hosts: [] });
    expect(new X509Certificate(identity.leafPem).subjectAltName).toBe('IP Address:127.0.0.1, DNS:localhost');
  });

  test('differs from pod to pod, in name, serial and key', async () => {
    const [one, other] = [(await ensure()).identity, (await ensure({ nowMs: 0 })).identity].map(
      ({ caPem }) => new X509Certificate(caPem),
    );
    expect(one?.subject).not.toBe(other?.subject);
    expect(one?.serialNumber).not.toBe(other?.serialNumber);
    expect(one?.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
    expect(one?.fingerprint256).not.toBe(other?.fingerprint256);
  });

  test.each([
    '',
    '.',
    '.openai.com',
    '*.openai.com',
    'API.openai.com',
    'api.openai.com.',
    '10.0.0.1',
    'localhost',
    'a b.c',
  ])('S7: for %j is not made', async (host) => {
    await expect(ensure({ hosts: [host] })).rejects.toMatchObject({ code: 'SEKS_CONFIG_INVALID' });
    expect(await readdir(runDirectory)).toEqual([]);
    expect(await readdir(publicDirectory)).toEqual([]);
  });
});

describe('files', () => {
  test('S1: the key is readable for the sidecar alone, certificates for all, and nothing else is left', async () => {
    const { identity } = await ensure();
    const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
    expect(await readdir(runDirectory)).toEqual([IDENTITY_FILE]);
    expect((await readdir(publicDirectory)).sort()).toEqual(['ca-bundle.pem', 'ca.pem']);
    expect(await mode(join(runDirectory, IDENTITY_FILE))).toBe('600');
    for (const name of ['ca.pem', 'ca-bundle.pem']) {
      expect(await mode(join(publicDirectory, name))).toBe('444');
      expect(await readFile(join(publicDirectory, name), 'utf8')).not.toContain('PRIVATE');
    }
    const bundle = await readFile(join(publicDirectory, 'ca-bundle.pem'), 'utf8');
    expect(bundle.match(/BEGIN CERTIFICATE/g)).toHaveLength(rootCertificates.length + 1);
    expect(bundle.endsWith(`\n${identity.caPem}`)).toBe(true);
    expect(await readFile(join(publicDirectory, 'ca.pem'), 'utf8')).toBe(identity.caPem);
  });

  test('S1: the key of the CA is in none of them', async () => {
    const { identity } = await ensure();
    const text = await readFile(join(runDirectory, IDENTITY_FILE), 'utf8');
    expect(text.match(/BEGIN PRIVATE KEY/g)).toHaveLength(1);
    expect(identity.leafKey.reveal((key) => text.endsWith(key.toString()))).toBe(true);
    expect(String(identity.leafKey)).toBe('<redacted:private-key>');
  });
});

describe('after a restart', () => {
  test('everything is the same, and what was published is repaired', async () => {
    const first = await ensure();
    await chmod(join(publicDirectory, 'ca.pem'), 0o644);
    await writeFile(join(publicDirectory, 'ca.pem'), 'damaged');
    const second = await ensure({ nowMs: NOW_MS + YEAR_MS, hosts: [...HOSTS].reverse() });
    expect(second.reused).toBe(true);
    expect(second.identity.caPem).toBe(first.identity.caPem);
    expect(second.identity.leafPem).toBe(first.identity.leafPem);
    expect(second.identity.leafKey.sha256()).toBe(first.identity.leafKey.sha256());
    expect(await readFile(join(publicDirectory, 'ca.pem'), 'utf8')).toBe(first.identity.caPem);
  });

  const edit = (change: (text: string, other: string) => string) => async () => {
    const path = join(runDirectory, IDENTITY_FILE);
    const text = await readFile(path, 'utf8');
    const elsewhere = await mkdtemp(join(tmpdir(), 'seks-other-'));
    await ensurePodCa({ runDirectory: elsewhere, publicDirectory, hosts: HOSTS, nowMs: NOW_MS, randomBytes });
    const other = await readFile(join(elsewhere, IDENTITY_FILE), 'utf8');
    await rm(elsewhere, { recursive: true });
    await writeFile(path, change(text, other));
  };
  const parts = (text: string) => text.split(/(?<=-----END [A-Z ]+-----\n)/);
  const unchanged = async (): Promise<void> => undefined;
  const cases: [string, () => Promise<void>, { hosts?: string[]; nowMs?: number }][] = [
    ['another host is wanted', unchanged, { hosts: [...HOSTS, 'api.github.com'] }],
    ['a host is not wanted any more', unchanged, { hosts: HOSTS.slice(1) }],
    ['it has expired', unchanged, { nowMs: NOW_MS + 10.1 * YEAR_MS }],
    ['it is not valid yet', unchanged, { nowMs: NOW_MS - 2 * 3_600_000 }],
    ['its file is empty', edit(() => ''), {}],
    ['its file is cut off', edit((text) => text.slice(0, -100)), {}],
    ['its file is huge', edit((text) => text + ' '.repeat(70_000)), {}],
    [
      'a byte has changed',
      edit((text) => text.replace(/M(?=[A-Za-z]{3}\n)/, 'N').replace('MIIB', 'MIIC')),
      {},
    ],
    [
      'its key is another one',
      edit((text, other) => [...parts(text).slice(0, 2), parts(other)[2]].join('')),
      {},
    ],
    ['its CA is another one', edit((text, other) => [parts(other)[0], ...parts(text).slice(1)].join('')), {}],
    ['its parts are in another order', edit((text) => parts(text).reverse().join('')), {}],
    [
      'the CA stands in for the certificate',
      edit((text) => [parts(text)[0], parts(text)[0], parts(text)[2]].join('')),
      {},
    ],
  ];
  test.each(cases)('it is made anew when %s', async (_, damage, options) => {
    const first = await ensure();
    await damage();
    const second = await ensure(options);
    expect(second.reused).toBe(false);
    expect(second.identity.caPem).not.toBe(first.identity.caPem);
    expect((await ensure(options)).reused).toBe(true);
    expect(await readdir(runDirectory)).toEqual([IDENTITY_FILE]);
  });

  test('S7: a directory that cannot be written ends the start', async () => {
    const options = { hosts: HOSTS, nowMs: NOW_MS, randomBytes, publicDirectory };
    await expect(
      ensurePodCa({ ...options, runDirectory: join(runDirectory, 'missing') }),
    ).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});
