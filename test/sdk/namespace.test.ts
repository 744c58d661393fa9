import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openNamespace, type SdkNamespace } from './namespace.ts';

let folder: string;
let namespace: SdkNamespace;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seks-namespace-'));
  namespace = await openNamespace({ hosts: { 'api.example': '127.0.0.9' }, folder });
});
afterAll(async () => {
  await namespace.close();
  await rm(folder, { recursive: true, force: true });
});

/** what a script of Node says inside */
async function node(script: string): Promise<string> {
  const child = namespace.start(process.execPath, ['--input-type=module', '-e', script], { env: {} });
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return output.trim();
}

test('resolves the names that it was given, and no other', async () => {
  const script = `import { lookup } from 'node:dns/promises';
    for (const name of ['api.example', 'localhost', 'example.com'])
      console.log(await lookup(name).then((found) => found.address, (error) => error.code));`;
  expect((await node(script)).split('\n')).toEqual(['127.0.0.9', '127.0.0.1', expect.stringMatching(/^E/)]);
});

test('resolves a name anew', async () => {
  await namespace.resolve({ 'api.example': '127.0.0.10' });
  const script = `import { lookup } from 'node:dns/promises'; console.log((await lookup('api.example')).address)`;
  expect(await node(script)).toBe('127.0.0.10');
});

test('has no way out', async () => {
  const script = `import { connect } from 'node:net';
    connect(443, '192.0.2.1').on('error', (error) => console.log(error.code));`;
  expect(await node(script)).toBe('ENETUNREACH');
});

test('gives a process only the environment that it was given', async () => {
  expect(await node('console.log(JSON.stringify(process.env))')).toBe('{}');
});

test('ends what runs in it', async () => {
  const child = namespace.start('/bin/sleep', ['600'], { env: {} });
  const ended = once(child, 'exit');
  await namespace.close();
  expect(await ended).toEqual([null, 'SIGTERM']);
});
