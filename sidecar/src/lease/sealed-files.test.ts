import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { SeksError } from '@seks/crds';

import { sealFor } from '../testing/sealed-source.ts';
import { createPrivateFiles } from './sealed-files.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'seks-private-'));
  await mkdir(join(directory, 'sealed/keys'), { recursive: true });
  await mkdir(join(directory, 'token'));
});

afterEach(() => rm(directory, { recursive: true }));

describe('createPrivateFiles', () => {
  test('reads the token as a secret, each time anew', async () => {
    const files = createPrivateFiles(directory);
    for (const value of ['first', 'second\n']) {
      await writeFile(join(directory, 'token/keyservice'), value);
      const token = await files.token();
      expect(token.reveal((bytes) => bytes.toString())).toBe(value.trim());
      expect(JSON.stringify({ token })).toBe('{"token":"<redacted:pod-token>"}');
    }
  });

  test('says that there is no token', async () => {
    await expect(createPrivateFiles(directory).token()).rejects.toMatchObject({
      code: 'SEKS_INTERNAL',
      message: expect.stringContaining('no token for the key service') as unknown,
    });
  });

  test('tells a sealed, a missing and another value apart', async () => {
    const files = createPrivateFiles(directory);
    const { text } = await sealFor('sk-key-0123456789', {
      namespace: 'n',
      secret: 'keys',
      key: 'a',
      provider: 'p',
    });
    await writeFile(join(directory, 'sealed/keys/a'), text);
    await writeFile(join(directory, 'sealed/keys/plain'), 'sk-plain');
    await writeFile(join(directory, 'sealed/keys/cut'), text.slice(0, -20));
    await writeFile(join(directory, 'sealed/keys/long'), text + ' '.repeat(100_000));
    const find = (key: string) => files.source({ tier: 'user', secret: 'keys', key });
    const sealed = await find('a');
    expect(sealed.report).toMatchObject({ state: 'sealed', header: { edks: [{ kid: 'test' }] } });
    // S3: the ciphertext stays here.
    expect(JSON.stringify(sealed.report)).not.toContain(sealed.envelope?.ciphertext);
    expect(await find('none')).toEqual({ report: { state: 'missing' } });
    expect(await find('plain')).toMatchObject({
      report: { state: 'unusable', code: 'SEKS_SECRET_NOT_SEALED' },
      problem: { code: 'SEKS_SECRET_NOT_SEALED' },
    });
    expect(await find('cut')).toMatchObject({
      report: { state: 'unusable', code: 'SEKS_SEAL_MALFORMED' },
      problem: { code: 'SEKS_SEAL_MALFORMED' },
    });
    expect(await find('long')).toMatchObject({ report: { state: 'unusable' } });
  });

  test('remembers a rejected envelope until another one stands there', async () => {
    const files = createPrivateFiles(directory);
    const place = { namespace: 'n', secret: 'keys', key: 'a', provider: 'p' };
    const source = { tier: 'user', secret: 'keys', key: 'a' } as const;
    const [first, second] = [
      await sealFor('sk-key-0123456789', place),
      await sealFor('sk-key-0123456789', place),
    ];
    await writeFile(join(directory, 'sealed/keys/a'), first.text);
    files.reject(source, first.envelope, new SeksError('SEKS_SEAL_CORRUPT'));
    expect(await files.source(source)).toMatchObject({
      report: { state: 'unusable', code: 'SEKS_SEAL_CORRUPT' },
      problem: { code: 'SEKS_SEAL_CORRUPT' },
    });
    await writeFile(join(directory, 'sealed/keys/a'), second.text);
    expect(await files.source(source)).toMatchObject({ report: { state: 'sealed' } });
  });

  test('S16: a file that cannot be read is an error, not a missing source', async () => {
    await mkdir(join(directory, 'sealed/keys/folder'));
    const read = createPrivateFiles(directory).source({ tier: 'user', secret: 'keys', key: 'folder' });
    await expect(read).rejects.toMatchObject({ code: 'SEKS_INTERNAL' });
  });

  test('sees that the kubelet has refreshed the volume', async () => {
    const files = createPrivateFiles(directory);
    expect(await files.version()).toBe('');
    for (const name of ['..2026_1', '..2026_2']) {
      await symlink(name, join(directory, '..data_tmp'));
      await rename(join(directory, '..data_tmp'), join(directory, '..data'));
      expect(await files.version()).toBe(name);
    }
  });
});
