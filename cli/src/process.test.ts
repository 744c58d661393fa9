// The tool as people start it: a process with pipes and files.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { headerOf, openEnvelope, parseEnvelope, pickWrapping } from '@seks/crds';
import { createAwsKms, generateLocalKeyPair } from '@seks/operator/kms';
import { parse } from 'yaml';

import {
  MOTO_CREDENTIALS,
  MOTO_START_TIMEOUT_MS,
  cacheDirectory,
  startMoto,
} from '../../operator/src/kms/testing/moto.ts';
import type { Moto } from '../../operator/src/kms/testing/moto.ts';
import { dataOf, openSealed } from './testing/open-sealed.ts';

const KEY = 'sk-live-0123456789';
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
const LAUNCHER = fileURLToPath(new URL('../bin/kubectl-seks', import.meta.url));
const found = { namespace: 'agents', secret: 'alice-keys', key: 'openai', provider: 'openai' };
const PLACE = ['--provider', 'openai', '-n', 'agents', '--name', 'alice-keys', '--key', 'openai'];

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

let folder: string;
let pair: Awaited<ReturnType<typeof generateLocalKeyPair>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seks-cli-'));
  pair = await generateLocalKeyPair();
  await writeFile(join(folder, 'sealing.pem'), pair.publicKeyPem);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function start(
  program: string,
  args: string[],
  stdin: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...args], { cwd: folder, env: { PATH: folder, ...env } });
  const ended: Ended = { code: null, stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (ended.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (ended.stderr += chunk.toString()));
  child.stdin.on('error', () => {
    // The tool may end without reading.
  });
  child.stdin.end(stdin);
  [ended.code] = (await once(child, 'close')) as [number | null];
  return ended;
}

const cli = async (args: string[], stdin = ''): Promise<Ended> => start(MAIN, args, stdin);

describe('kubectl-seks as a process', () => {
  test('S1: seals offline from a pipe; inspect and validate agree; the private key opens it', async () => {
    const sealed = await cli(['seal', ...PLACE, '--cert', 'sealing.pem'], `${KEY}\n`);
    expect(sealed).toMatchObject({
      code: 0,
      stderr: 'seks: note: one line feed at the end of the key was left out\n',
    });
    expect(sealed.stdout).not.toContain(KEY);
    const { openai = '' } = dataOf(parse(sealed.stdout));
    expect(await openSealed(openai, pair.privateKeyPem, found)).toBe(KEY);

    const inspected = await cli(['inspect', '-', '-o', 'json'], sealed.stdout);
    expect(inspected).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(inspected.stdout)).toMatchObject([
      {
        context: { scope: 'strict', ...found },
        wrappings: [{ kms: 'local', kid: pair.kid }],
        keyBytes: KEY.length,
      },
    ]);

    const validated = await cli(['validate', '-'], sealed.stdout);
    expect(validated).toMatchObject({ code: 0, stdout: '-: agents/alice-keys[openai]: ok\n' });
    const moved = await cli(
      ['validate', '-'],
      sealed.stdout.replace('namespace: agents', 'namespace: other'),
    );
    expect(moved.code).toBe(1);
    expect(moved.stdout).toContain('SEKS_SEAL_WRONG_NAMESPACE');
  }, 30_000);

  test('merges into a file on disk', async () => {
    const args = ['seal', ...PLACE, '--cert', 'sealing.pem', '--merge-into', 'keys.yaml'];
    expect(await cli(args, KEY)).toMatchObject({ code: 0, stdout: '' });
    expect(await cli([...args, '--key', 'second'], KEY)).toMatchObject({ code: 0, stdout: '' });
    const data = dataOf(parse(await readFile(join(folder, 'keys.yaml'), 'utf8')));
    expect(await openSealed(data['openai'] ?? '', pair.privateKeyPem, found)).toBe(KEY);
    expect(await openSealed(data['second'] ?? '', pair.privateKeyPem, { ...found, key: 'second' })).toBe(KEY);
    expect(await cli(['validate', 'keys.yaml'])).toMatchObject({ code: 0 });
  }, 30_000);

  test('prints its version, and errors without colours or stack', async () => {
    const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await cli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    const failed = await cli(['seal', ...PLACE], KEY);
    expect(failed).toEqual({
      code: 1,
      stdout: '',
      stderr: [
        'seks: error: kubectl was not found, and no key to seal with was given',
        'seks: hint: install kubectl, or seal offline with --cert or --aws-key-id',
        '',
      ].join('\n'),
    });
  }, 30_000);
});

describe('kubectl-seks with AWS', () => {
  let moto: Moto;
  let admin: KMSClient;
  beforeAll(async () => {
    moto = await startMoto(cacheDirectory(process.env));
    admin = new KMSClient({ region: 'eu-central-1', endpoint: moto.endpoint, credentials: MOTO_CREDENTIALS });
  }, MOTO_START_TIMEOUT_MS);
  afterAll(async () => {
    admin?.destroy();
    await moto?.stop();
  });

  test('seals for a KMS key and a public key at once; either opens it', async () => {
    const { KeyMetadata } = await admin.send(new CreateKeyCommand({}));
    const keyId = KeyMetadata?.Arn ?? '';
    const env = {
      AWS_ACCESS_KEY_ID: MOTO_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: MOTO_CREDENTIALS.secretAccessKey,
      AWS_ENDPOINT_URL_KMS: moto.endpoint,
    };
    const args = ['seal', ...PLACE, '--raw', '--cert', 'sealing.pem', '--aws-key-id', keyId];
    const sealed = await start(MAIN, args, KEY, env);
    expect(sealed).toMatchObject({ code: 0, stderr: '' });
    expect(await openSealed(sealed.stdout, pair.privateKeyPem, found)).toBe(KEY);
    const envelope = parseEnvelope(sealed.stdout);
    const wrapped = pickWrapping(headerOf(envelope), [keyId]);
    const kms = createAwsKms({ keyIds: [keyId], endpoint: moto.endpoint, credentials: MOTO_CREDENTIALS });
    const dataKey = await kms.unwrap(wrapped, { scope: 'strict', ...found }, new AbortController().signal);
    const opened = await openEnvelope(envelope, dataKey, found);
    expect(opened.reveal((bytes) => bytes.toString())).toBe(KEY);

    const unknown = args.with(
      args.indexOf(keyId),
      keyId.replace(/[^/]+$/, '11111111-2222-3333-4444-555555555555'),
    );
    const refused = await start(MAIN, unknown, KEY, env);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('NotFoundException (SEKS_SEAL_WRAP_REFUSED)');
  }, 60_000);
});

describe('the launcher', () => {
  /** an installation with nothing but the launcher, a preloaded file and, if given, a bundle */
  async function installation(
    name: string,
    preload: string,
    bundle?: string,
  ): Promise<[string, NodeJS.ProcessEnv]> {
    const home = join(folder, name);
    await mkdir(join(home, 'bin'), { recursive: true });
    await mkdir(join(home, 'dist'));
    await copyFile(LAUNCHER, join(home, 'bin', 'kubectl-seks'));
    await copyFile(new URL('../bin/package.json', import.meta.url), join(home, 'bin', 'package.json'));
    if (bundle !== undefined) await writeFile(join(home, 'dist', 'kubectl-seks.mjs'), bundle);
    await writeFile(join(home, 'preload.cjs'), preload);
    return [join(home, 'bin', 'kubectl-seks'), { NODE_OPTIONS: `--require ${join(home, 'preload.cjs')}` }];
  }
  const pretend = (version: string): string =>
    `Object.defineProperty(process, 'versions', {value: {...process.versions, node: '${version}'}});`;

  test.each([
    ['20.19.4', 'console.log(1)', '22.0'],
    ['22.17.1', undefined, '22.18'],
  ])('says which Node is needed under %s', async (version, bundle, needed) => {
    const [launcher, env] = await installation(`old-${version}`, pretend(version), bundle);
    const { code, stdout, stderr } = await start(launcher, ['--version'], '', env);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^seks: error: Node\.js .*\nseks: hint: .*\n$/);
    expect(stderr).toContain(`${needed} or later is needed, this is ${version}`);
  });

  test('prefers the bundle', async () => {
    const [launcher, env] = await installation('bundled', pretend('22.0.0'), 'console.log(process.argv[2])');
    expect(await start(launcher, ['--version'], '', env)).toEqual({
      code: 0,
      stdout: '--version\n',
      stderr: '',
    });
  });
});
