// Whether the clients that agents use accept the sidecar's certificate, and nothing else that this CA could ever sign:
// Node, curl, Python and OpenSSL, each with the published file as the only root.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { mintCa, signLeaf, type SigningCa } from './mint-identity.ts';
import { createServerContext } from './server-context.ts';
import type { TlsIdentity } from './tls-identity.ts';

const HOST = 'api.openai.com';
const options = { nowMs: Date.now(), randomBytes };

let directory: string;
let ca: SigningCa;
let caPem: string;
let caFile: string;
let good: Server;
let evil: Server;
let evilLeafFile: string;
let goodLeafFile: string;

async function serve(identity: Omit<TlsIdentity, 'caPem'>): Promise<Server> {
  const server = createServer((_, response) => response.end('served'));
  const context = identity.leafKey.reveal((key) => ({ cert: identity.leafPem, key: Buffer.from(key) }));
  expect(createServerContext({ ...identity, caPem })).toBeDefined();
  server.setSecureContext(context);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'seks-clients-'));
  ca = await mintCa([HOST], options);
  caPem = ca.certificatePem;
  caFile = join(directory, 'ca.pem');
  await writeFile(caFile, caPem);
  const goodLeaf = await signLeaf(ca, [HOST], options);
  // What somebody who had got hold of the CA's key would make.
  const evilLeaf = await signLeaf(ca, ['evil.example'], options);
  goodLeafFile = join(directory, 'good.pem');
  evilLeafFile = join(directory, 'evil.pem');
  await Promise.all([writeFile(goodLeafFile, goodLeaf.leafPem), writeFile(evilLeafFile, evilLeaf.leafPem)]);
  [good, evil] = await Promise.all([serve(goodLeaf), serve(evilLeaf)]);
});

afterAll(async () => {
  good.close();
  evil.close();
  await rm(directory, { recursive: true });
});

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** output of a program that must be installed: without it the test fails, and says what is missing */
function run(program: string, args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: 20_000 }, (error, stdout, stderr) => {
      if (error?.code === 'ENOENT') reject(new Error(`${program} is needed for this test: install it`));
      else resolve({ code: child.exitCode ?? -1, output: stdout + stderr });
    });
    child.stdin?.end();
  });
}

const PYTHON = `
import socket, ssl, sys
port, name, ca = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=ca)
context.verify_flags |= ssl.VERIFY_X509_STRICT
with socket.create_connection(('127.0.0.1', port)) as plain:
    with context.wrap_socket(plain, server_hostname=name) as tls:
        print('verified', tls.version())
`;

const clients: Record<string, (port: number, name: string) => Promise<string>> = {
  node: (port, name) =>
    new Promise((resolve) => {
      const lookup = (_: string, { all }: { all?: boolean }, done: (...found: unknown[]) => void): void =>
        all === true ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
      const request = get({ host: name, port, ca: caPem, path: '/', agent: false, lookup: lookup as never });
      request.on('response', (answer) => {
        answer.resume();
        resolve('verified');
      });
      request.on('error', (error) =>
        resolve(`refused: ${(error as NodeJS.ErrnoException).code} ${error.message}`),
      );
    }),
  async curl(port, name) {
    const { code, output } = await run('curl', [
      '--silent',
      '--show-error',
      '--noproxy',
      '*',
      '--cacert',
      caFile,
      '--resolve',
      `${name}:${port}:127.0.0.1`,
      `https://${name}:${port}/`,
    ]);
    return code === 0 && output === 'served' ? 'verified' : `refused: ${output}`;
  },
  async python3(port, name) {
    const { code, output } = await run('python3', ['-c', PYTHON, String(port), name, caFile]);
    return code === 0 && output.startsWith('verified') ? 'verified' : `refused: ${output}`;
  },
  async openssl(port, name) {
    const { code, output } = await run('openssl', [
      's_client',
      '-connect',
      `127.0.0.1:${port}`,
      '-CAfile',
      caFile,
      '-verify_return_error',
      '-x509_strict',
      ...(name === '127.0.0.1' ? ['-verify_ip', name] : ['-servername', name, '-verify_hostname', name]),
    ]);
    return code === 0 && output.includes('Verify return code: 0 (ok)') ? 'verified' : `refused: ${output}`;
  },
};

describe.each(Object.keys(clients))('%s', (client) => {
  const dial = (server: Server, name: string): Promise<string> =>
    clients[client]?.(portOf(server), name) ?? Promise.reject(new Error('no such client'));

  test.each([HOST, 'localhost', '127.0.0.1'])('accepts %s', async (name) => {
    expect(await dial(good, name)).toBe('verified');
  });

  test('S6: refuses another host that this CA has signed for', async () => {
    expect(await dial(evil, 'evil.example')).toMatch(/^refused: [^]*permitted subtree violation/);
  });

  test('S6: refuses the host under another name', async () => {
    expect(await dial(good, 'evil.example')).toMatch(/^refused: /);
  });
});

test('openssl verify finds the chain strictly valid, and the other one a violation of the constraints', async () => {
  const verify = (leaf: string) => run('openssl', ['verify', '-x509_strict', '-CAfile', caFile, leaf]);
  expect(await verify(goodLeafFile)).toMatchObject({ code: 0 });
  const refused = await verify(evilLeafFile);
  expect(refused.code).not.toBe(0);
  expect(refused.output).toContain('permitted subtree violation');
});

test('openssl reads the constraints as they are meant: critical, and nothing besides', async () => {
  const { output } = await run('openssl', [
    'x509',
    '-in',
    caFile,
    '-noout',
    '-ext',
    'nameConstraints,basicConstraints',
  ]);
  expect(output.replaceAll(/\s+/g, ' ')).toContain(
    `X509v3 Name Constraints: critical Permitted: DNS:localhost DNS:${HOST} IP:127.0.0.1/255.255.255.255`,
  );
  expect(output.replaceAll(/\s+/g, ' ')).toContain('Basic Constraints: critical CA:TRUE, pathlen:0');
  expect(output).not.toContain('Excluded');
});

test('S1: the CA’s key cannot be exported', () => {
  expect(ca.signingKey.extractable).toBe(false);
});
