import { randomBytes } from 'node:crypto';

import { beforeAll, describe, expect, test } from '@jest/globals';
import { SEALING_CONFIG_MAP, headerOf, makeFakeToken, parseEnvelope } from '@seks/crds';
import { generateLocalKeyPair } from '@seks/operator/kms';
import { parse, parseAllDocuments } from 'yaml';

import { run } from './program.ts';
import { fakeIo } from './testing/fake-io.ts';
import type { FakeInput, FakeIo } from './testing/fake-io.ts';
import { dataOf, openSealed } from './testing/open-sealed.ts';

const KEY = 'sk-live-0123456789';
const found = { namespace: 'agents', secret: 'alice-keys', key: 'openai', provider: 'openai' };
const PLACE = ['--provider', 'openai', '-n', 'agents', '--name', 'alice-keys', '--key', 'openai'];
const SEAL = ['seal', ...PLACE, '--cert', 'sealing.pem'];

let pair: Awaited<ReturnType<typeof generateLocalKeyPair>>;
let second: typeof pair;
beforeAll(async () => {
  [pair, second] = await Promise.all([generateLocalKeyPair(), generateLocalKeyPair()]);
});

async function cli(args: string[], input: FakeInput = {}): Promise<FakeIo & { code: number }> {
  const io = fakeIo({ ...input, files: { 'sealing.pem': pair.publicKeyPem, ...input.files } });
  const code = await run(args, '1.2.3', io);
  return Object.assign(io, { code });
}

/** runs a command that must succeed, without ever showing the key */
async function ok(args: string[], input: FakeInput = {}): Promise<FakeIo> {
  const done = await cli(args, input);
  expect(done.stderr).not.toContain('seks: error');
  expect(done.code).toBe(0);
  for (const text of [done.stdout, done.stderr, ...done.files.values()])
    expect(text.toString()).not.toContain(KEY);
  return done;
}

const open = async (envelope: string | undefined, where = found): Promise<string> =>
  openSealed(envelope ?? '', pair.privateKeyPem, where);

describe('seal', () => {
  test('S1: makes a labelled Secret manifest from which only the private key gets the key back', async () => {
    const { stdout, stderr } = await ok(SEAL, { stdin: KEY });
    const secret = parse(stdout) as Record<string, unknown>;
    expect(secret).toMatchObject({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'alice-keys', namespace: 'agents', labels: { 'seks.ai/sealed': 'true' } },
      type: 'Opaque',
    });
    expect(Object.keys(secret['data'] as object)).toEqual(['openai']);
    expect(await open(dataOf(secret)['openai'])).toBe(KEY);
    expect(stderr).toBe('');
  });

  test('-o json prints the same as JSON', async () => {
    const { stdout } = await ok([...SEAL, '-o', 'json'], { stdin: KEY });
    expect(await open(dataOf(JSON.parse(stdout))['openai'])).toBe(KEY);
  });

  test('--raw prints the envelope alone', async () => {
    const { stdout } = await ok([...SEAL, '--raw'], { stdin: KEY });
    expect(stdout).toMatch(/^\{"protected":.*\}\n$/);
    expect(await open(stdout)).toBe(KEY);
  });

  test('--scope namespace opens under any Secret of the namespace', async () => {
    const { stdout } = await ok([...SEAL, '--raw', '--scope', 'namespace'], { stdin: KEY });
    expect(await open(stdout, { ...found, secret: 'bob-keys', key: 'x' })).toBe(KEY);
    await expect(open(stdout, { ...found, namespace: 'other' })).rejects.toMatchObject({
      code: 'SEKS_SEAL_WRONG_NAMESPACE',
    });
  });

  test('reads the key from a file, from the terminal, and from an argument with a warning', async () => {
    const file = await cli([...SEAL, '--raw', '--from-file', 'key.txt'], {
      files: { 'key.txt': `${KEY}\r\n` },
    });
    expect(await open(file.stdout)).toBe(KEY);
    expect(file.stderr).toBe('seks: note: one line feed at the end of the key was left out\n');
    const typed = await ok([...SEAL, '--raw'], { typed: KEY });
    expect(await open(typed.stdout)).toBe(KEY);
    const literal = await ok([...SEAL, '--raw', '--literal', KEY]);
    expect(await open(literal.stdout)).toBe(KEY);
    expect(literal.stderr).toContain('seks: warning: --literal shows the key in the process list');
  });

  test('wraps for several keys, each of which opens it', async () => {
    const files = { 'second.pem': second.publicKeyPem };
    const { stdout } = await ok([...SEAL, '--raw', '--cert', 'second.pem'], { stdin: KEY, files });
    expect(headerOf(parseEnvelope(stdout)).edks.map(({ kid }) => kid)).toEqual([pair.kid, second.kid]);
    expect(await open(stdout)).toBe(KEY);
    expect(await openSealed(stdout, second.privateKeyPem, found)).toBe(KEY);
  });

  test('without --cert it takes the key of the cluster that kubectl would talk to', async () => {
    const flags = ['--context', 'dev', '--kubeconfig', 'kc.yaml', '--seks-namespace', 'seks'];
    const done = await ok(['seal', ...PLACE, '--raw', ...flags], {
      stdin: KEY,
      kubectl: () => pair.publicKeyPem,
    });
    expect(await open(done.stdout)).toBe(KEY);
    expect(done.kubectlCalls).toEqual([
      [
        'get',
        'configmap',
        SEALING_CONFIG_MAP,
        '--namespace=seks',
        String.raw`--output=jsonpath={.data.sealing\.pem}`,
        '--request-timeout=10s',
        '--context=dev',
        '--kubeconfig=kc.yaml',
      ],
    ]);
    expect(done.stderr).toContain(`ConfigMap seks/${SEALING_CONFIG_MAP}`);
  });

  test('says so when the provider is not built in', async () => {
    const args = [
      'seal',
      '--provider',
      'acme',
      '-n',
      'a',
      '--name',
      'b',
      '--key',
      'c',
      '--cert',
      'sealing.pem',
    ];
    const { stderr } = await ok(args, { stdin: KEY });
    expect(stderr).toContain('note: provider acme is not built in');
  });
});

describe('seal --merge-into', () => {
  const merge = [...SEAL, '--merge-into', 'keys.yaml'];

  test('creates the file, then changes just its own value and keeps comments', async () => {
    const created = await ok(merge, { stdin: KEY });
    expect(created.stdout).toBe('');
    const first = String(created.files.get('keys.yaml'));
    const text = `# keys of Alice\n${first}---\nkind: ConfigMap # stays\nmetadata: {name: other}\n`;
    const other = ['--key', 'groq', '--provider', 'groq'];
    const updated = await ok([...merge, ...other], { stdin: KEY, files: { 'keys.yaml': text } });
    const result = String(updated.files.get('keys.yaml'));
    expect(result).toContain('# keys of Alice');
    expect(result).toContain('kind: ConfigMap # stays');
    const [secret, configMap] = parseAllDocuments(result).map((document) => document.toJS() as unknown);
    expect(configMap).toEqual({ kind: 'ConfigMap', metadata: { name: 'other' } });
    const data = dataOf(secret);
    expect(Object.keys(data)).toEqual(['openai', 'groq']);
    expect(await open(data['openai'])).toBe(KEY);
    expect(await open(data['groq'], { ...found, key: 'groq', provider: 'groq' })).toBe(KEY);
    expect(updated.stderr).toContain('updated keys.yaml: agents/alice-keys[groq]');
  });

  test('adds the Secret to a file that holds others, and replaces an old value', async () => {
    const others = 'kind: Secret\nmetadata: {name: bob-keys, namespace: agents}\n';
    const added = await ok(merge, { stdin: KEY, files: { 'keys.yaml': others } });
    const again = await ok(merge, {
      stdin: KEY,
      files: { 'keys.yaml': String(added.files.get('keys.yaml')) },
    });
    const result = String(again.files.get('keys.yaml'));
    expect(result).not.toBe(added.files.get('keys.yaml'));
    const secrets = parseAllDocuments(result).map(
      (document) => document.toJS() as { metadata: { name: string } },
    );
    expect(secrets.map(({ metadata }) => metadata.name)).toEqual(['bob-keys', 'alice-keys']);
    expect(await open(dataOf(secrets[1])['openai'])).toBe(KEY);
  });

  test('a value in stringData does not hide the new one', async () => {
    const file = [
      'kind: Secret',
      'metadata: {name: alice-keys, labels: {seks.ai/sealed: "true"}}',
      'stringData: {openai: old}',
      '',
    ].join('\n');
    const done = await ok(merge, { stdin: KEY, files: { 'keys.yaml': file } });
    const result = parse(String(done.files.get('keys.yaml'))) as object;
    expect(result).not.toHaveProperty('stringData');
    expect(await open(dataOf(result)['openai'])).toBe(KEY);
  });

  test('keeps JSON as JSON', async () => {
    const created = await ok([...SEAL, '--merge-into', 'keys.json'], { stdin: KEY });
    const files = { 'keys.json': String(created.files.get('keys.json')) };
    const done = await ok([...SEAL, '--key', 'two', '--merge-into', 'keys.json'], { stdin: KEY, files });
    const data = dataOf(JSON.parse(String(done.files.get('keys.json'))));
    expect(Object.keys(data)).toEqual(['openai', 'two']);
  });

  test.each([
    ['a Secret that is not a sealed one', 'kind: Secret\nmetadata: {name: alice-keys}\n', 'is not labelled'],
    ['broken YAML', 'a: [\n', 'not YAML'],
  ])('leaves %s alone', async (_, text, message) => {
    const done = await cli(merge, { stdin: KEY, files: { 'keys.yaml': text } });
    expect(done.code).toBe(2);
    expect(done.stderr).toContain(message);
    expect(done.files.get('keys.yaml')).toBe(text);
  });
});

describe('seal refuses', () => {
  test.each([
    ['an empty key', '', 'the key is empty'],
    ['a line feed alone', '\n', 'the key is empty'],
    ['two lines', `${KEY}\nx\n`, 'more than one line'],
    ['two line feeds', `${KEY}\n\n`, 'more than one line'],
    ['a space', `OPENAI_API_KEY ${KEY}`, 'white space'],
    ['a tab', `${KEY}\t`, 'white space'],
    ['a byte order mark', `\uFEFF${KEY}`, 'printable ASCII'],
    ['a NUL', `${KEY}\0`, 'printable ASCII'],
    ['a key that is too long', 'k'.repeat(8_193), 'longer than 8192 bytes'],
    ['a book', 'k'.repeat(100_000), 'too long'],
    ['a fake token', fakeToken(), 'fake token'],
  ])('%s', async (_, stdin, message) => {
    const { code, stderr, stdout } = await cli(SEAL, { stdin });
    expect(stderr).toMatch(/^seks: error: /m);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain(KEY);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  const withName = (name: string, value: string): string[] => SEAL.with(SEAL.indexOf(name) + 1, value);
  test.each([
    ['no provider', ['seal', '-n', 'a', '--name', 'b', '--key', 'c'], "required option '--provider <name>'"],
    ['a namespace that is none', withName('-n', 'A/b'), 'namespace must be a DNS label'],
    ['a Secret name that is none', withName('--name', 'Alice'), 'secret must be the name of a Secret'],
    ['a key that is none', withName('--key', 'a b'), 'key must be a key of a Secret'],
    ['an unknown scope', [...SEAL, '--scope', 'cluster'], 'Allowed choices are strict, namespace'],
    ['an unknown option', [...SEAL, '--scop', 'x'], "unknown option '--scop'"],
    ['two sources', [...SEAL, '--literal', 'x', '--from-file', 'y'], 'exclude each other'],
    ['two outputs', [...SEAL, '--raw', '-o', 'json'], 'exclude each other'],
    ['one key twice', [...SEAL, '--cert', 'sealing.pem'], 'two of the sealing keys are the same'],
    [
      'five keys',
      [...SEAL, ...Array.from({ length: 4 }, () => ['--cert', 'sealing.pem']).flat()],
      'at most 4',
    ],
    ['a missing key file', [...SEAL, '--from-file', 'none'], 'the key file none does not exist'],
    ['a missing public key', withName('--cert', 'none.pem'), 'the sealing key none.pem does not exist'],
    ['an unknown command', ['unseal'], "unknown command 'unseal'"],
  ])('%s', async (_, args, message) => {
    const { code, stderr, stdout } = await cli(args, { stdin: KEY });
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^seks: error: [^A-Z]/m);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('a private key in place of the public one, without showing it', async () => {
    const privatePem = pair.privateKeyPem.reveal((bytes) => bytes.toString());
    const { code, stderr } = await cli(SEAL, { stdin: KEY, files: { 'sealing.pem': privatePem } });
    expect(code).toBe(2);
    expect(stderr).toContain('sealing.pem is a private key');
    expect(stderr).not.toContain(privatePem.split('\n')[1]);
  });

  test('something that is no key at all', async () => {
    const { code, stderr } = await cli(SEAL, { stdin: KEY, files: { 'sealing.pem': 'hello' } });
    expect(code).toBe(2);
    expect(stderr).toContain('is no RSA public key');
  });

  test('a cluster without a sealing key, and no kubectl', async () => {
    const empty = await cli(['seal', ...PLACE], { stdin: KEY, kubectl: () => '' });
    expect(empty.code).toBe(1);
    expect(empty.stderr).toContain('ConfigMap seks-system/seks-sealing-key holds no sealing.pem');
    const none = await cli(['seal', ...PLACE], { stdin: KEY });
    expect(none.code).toBe(2);
    expect(none.stderr).toBe('seks: error: kubectl was not found\nseks: hint: install it\n');
  });
});

describe('the command line', () => {
  test('prints its version and help with examples', async () => {
    expect((await ok(['--version'])).stdout).toBe('1.2.3\n');
    const help = await ok(['seal', '--help']);
    expect(help.stdout).toContain('Usage: kubectl seks seal');
    expect(help.stdout).toContain('kubectl apply -f -');
    expect((await ok(['--help'])).stdout).toContain('inspect');
  });

  test('without a command it shows the help and fails', async () => {
    const { code, stderr } = await cli([]);
    expect(code).toBe(2);
    expect(stderr).toContain('Usage: kubectl seks');
  });

  test('suggests what was probably meant', async () => {
    expect((await cli(['sael'])).stderr).toContain('seks: hint: Did you mean seal?');
  });

  test('--debug shows the cause', async () => {
    const args = [...SEAL, '--from-file', 'none'];
    expect((await cli(args)).stderr).not.toContain('no such file');
    expect((await cli([...args, '--debug'])).stderr).toContain('no such file: none');
  });

  test('uses colours only where they are wanted', async () => {
    const io = { ...fakeIo(), colour: true };
    let stderr = '';
    io.err = (text) => {
      stderr += text;
    };
    expect(await run(['nonsense'], '1', io)).toBe(2);
    expect(stderr).toContain('\u001B[31merror\u001B[0m');
  });
});

function fakeToken(): string {
  return makeFakeToken('sk-proj-{token}', randomBytes).reveal((bytes) => bytes.toString());
}
