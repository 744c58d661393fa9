import { randomBytes } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';
import { Secret, sealContextFor, sealKey } from '@seks/crds';

import { secretManifest } from './manifest.ts';
import { run } from './program.ts';
import { fakeIo } from './testing/fake-io.ts';
import type { FakeIo } from './testing/fake-io.ts';

const found = { namespace: 'agents', secret: 'alice-keys', key: 'openai', provider: 'openai' };
const wrapped = {
  dataKey: new Secret('data-key', randomBytes(32)),
  edks: [
    { kms: 'local' as const, kid: 'key-1', edk: randomBytes(384).toString('base64url') },
    {
      kms: 'aws' as const,
      kid: 'arn:aws:kms:eu-central-1:1:key/2',
      edk: randomBytes(184).toString('base64url'),
    },
  ],
};
const key = new Secret('provider-key', 'sk-live-0123456789');
const envelope = await sealKey(key, sealContextFor('strict', found), wrapped, randomBytes);
const anywhere = await sealKey(key, sealContextFor('namespace', found), wrapped, randomBytes);
const manifest = secretManifest({ ...found, envelope }, 'yaml');

async function cli(
  args: string[],
  files: Record<string, string>,
  stdin = '',
): Promise<FakeIo & { code: number }> {
  const io = fakeIo({ files, stdin });
  const code = await run(args, '1.2.3', io);
  return Object.assign(io, { code });
}

describe('validate', () => {
  const check = async (text: string, ...flags: string[]): ReturnType<typeof cli> =>
    cli(['validate', 'f.yaml', ...flags], { 'f.yaml': text });

  test('passes Secrets in the place that they were sealed for', async () => {
    const list = { kind: 'List', items: [JSON.parse(secretManifest({ ...found, envelope }, 'json'))] };
    const elsewhere = secretManifest(
      { ...found, secret: 'bob-keys', key: 'any', envelope: anywhere },
      'yaml',
    );
    const unrelated = 'kind: Secret\nmetadata: {name: tls, namespace: agents}\ndata: {tls.key: eA==}\n';
    const plain = `kind: Secret\nmetadata: {name: alice-keys, namespace: agents, labels: {seks.ai/sealed: "true"}}\nstringData:\n  openai: '${envelope}'\n`;
    const text = [manifest, JSON.stringify(list), elsewhere, unrelated, plain, 'kind: Deployment\n', ''].join(
      '\n---\n',
    );
    const { code, stdout, stderr } = await check(text);
    expect(stdout).toBe(
      [
        'f.yaml: agents/alice-keys[openai]: ok',
        'f.yaml: agents/alice-keys[openai]: ok',
        'f.yaml: agents/bob-keys[any]: ok',
        'f.yaml: agents/alice-keys[openai]: ok',
        '',
      ].join('\n'),
    );
    expect(stderr).toBe('seks: note: sealed values: 4, with problems: 0\n');
    expect(code).toBe(0);
  });

  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const value = base64(envelope);
  test.each([
    [
      'moved to another namespace',
      manifest.replace('namespace: agents', 'namespace: other'),
      'WRONG_NAMESPACE',
    ],
    ['renamed', manifest.replace('name: alice-keys', 'name: bob-keys'), 'WRONG_SECRET'],
    ['under another key', manifest.replace('  openai:', '  groq:'), 'WRONG_KEY'],
    ['a plain key', manifest.replace(value, base64('sk-live-0123456789')), 'SEKS_SECRET_NOT_SEALED'],
    ['cut', manifest.replace(value, base64(envelope.slice(0, -9))), 'SEKS_SEAL_MALFORMED'],
    ['not base64', manifest.replace(value, 'a*b'), 'not base64'],
    ['not a string', manifest.replace(value, '7'), 'not a string'],
    ['without values', manifest.replace(/^data:[^]*/m, ''), 'has no values'],
    ['without a label', manifest.replace('seks.ai/sealed', 'other'), 'no label seks.ai/sealed'],
    ['without a name', manifest.replace('  name: alice-keys\n', ''), 'names no Secret'],
    ['not YAML', 'sk-live: [', 'not YAML: '],
    ['an alias of nothing', 'kind: *sk-live', 'not YAML: '],
  ])('S7: finds a value that is %s', async (_, text, message) => {
    expect(text).not.toBe(manifest);
    const { code, stdout } = await check(text);
    expect(stdout).toContain('error: ');
    expect(stdout).toContain(message);
    expect(stdout).not.toContain('sk-live');
    expect(code).toBe(1);
  });

  test('a manifest cannot steer the terminal', async () => {
    const text = manifest.replace('name: alice-keys', String.raw`name: "alice\e[2J"`);
    const { code, stdout } = await check(text);
    expect(stdout).toContain('agents/alice?[2J[openai]: error:');
    expect(stdout).not.toContain('\u001B');
    expect(code).toBe(1);
  });

  test('takes the namespace of a manifest without one from the command line', async () => {
    const without = manifest.replace('  namespace: agents\n', '');
    const { code, stdout } = await check(without);
    expect(stdout).toContain('the manifest names no namespace');
    expect(code).toBe(1);
    expect((await check(without, '-n', 'agents')).code).toBe(0);
    expect((await check(without, '-n', 'other')).code).toBe(1);
  });

  test('goes on after a bad file, and reads a pipe', async () => {
    const bad = manifest.replace('alice-keys', 'bob-keys');
    const { code, stdout, stderr } = await cli(['validate', 'bad.yaml', '-'], { 'bad.yaml': bad }, manifest);
    expect(stdout).toContain('bad.yaml: agents/bob-keys[openai]: error:');
    expect(stdout).toContain('-: agents/alice-keys[openai]: ok');
    expect(stderr).toContain('sealed values: 2, with problems: 1');
    expect(code).toBe(1);
  });

  test('has nothing to say about files without sealed Secrets, but does about missing files', async () => {
    const nothing = await check('kind: Pod\n');
    expect(nothing.code).toBe(0);
    expect(nothing.stderr).toContain('no Secret with the label');
    const missing = await cli(['validate', 'none.yaml'], {});
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain('none.yaml does not exist');
  });
});

describe('inspect', () => {
  test('shows place, KMS keys and sizes of a manifest, and no secret', async () => {
    const { code, stdout } = await cli(['inspect', 'f.yaml'], { 'f.yaml': manifest });
    expect(stdout).toBe(`agents/alice-keys[openai]
  scope:      strict
  namespace:  agents
  secret:     alice-keys
  key:        openai
  provider:   openai
  wrapped by: local key-1 (384 bytes)
  wrapped by: aws arn:aws:kms:eu-central-1:1:key/2 (184 bytes)
  key length: 18 bytes
  envelope:   ${envelope.length} bytes
`);
    expect(code).toBe(0);
  });

  test('-o json shows the same of a bare envelope from a pipe', async () => {
    const { code, stdout } = await cli(['inspect', '-', '-o', 'json'], {}, `${anywhere}\n`);
    expect(JSON.parse(stdout)).toEqual([
      {
        context: { scope: 'namespace', namespace: 'agents', provider: 'openai' },
        wrappings: [
          { kms: 'local', kid: 'key-1', bytes: 384 },
          { kms: 'aws', kid: 'arn:aws:kms:eu-central-1:1:key/2', bytes: 184 },
        ],
        keyBytes: 18,
        envelopeBytes: anywhere.length + 1,
      },
    ]);
    expect(code).toBe(0);
  });

  test('S9: never shows a value that is not sealed', async () => {
    const text = `${manifest}  plain: ${Buffer.from('sk-live-0123456789').toString('base64')}\n`;
    for (const format of ['text', 'json']) {
      const { code, stdout } = await cli(['inspect', 'f.yaml', '-o', format], { 'f.yaml': text });
      expect(stdout).toContain('SEKS_SECRET_NOT_SEALED');
      expect(stdout).not.toMatch(/sk-live|c2stbGl2/);
      expect(code).toBe(1);
    }
  });

  test('says when there is nothing to show', async () => {
    const { code, stderr } = await cli(['inspect', 'f.yaml'], { 'f.yaml': 'sk-live-0123456789' });
    expect(stderr).toContain('f.yaml holds no envelope');
    expect(stderr).not.toContain('sk-live');
    expect(code).toBe(1);
  });
});
