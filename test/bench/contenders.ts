// Starts what is measured: the upstream, nginx with the key in its configuration, and the sidecar. All on loopback, all
// ended by their own child handles.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { makeFakeToken, resolveProvider } from '@seks/crds';
import { build } from 'esbuild';

import { makeCertificates } from '../../sidecar/src/testing/certificates.ts';
import type { Target } from './target.ts';

const HOST = 'api.openai.com';
const ROUTE = '/v1/chat/completions';
/** as in the sidecar's image: they trade CPU time for memory */
const V8_FLAGS = ['--disable-sigusr1', '--max-semi-space-size=4', '--max-old-space-size=128'];
const START_TIMEOUT_MS = 20_000;
/** not a real key */
const KEY = `sk-proj-bench${'0'.repeat(40)}`;

export interface Contenders {
  targets: Target[];
  stop(): Promise<void>;
}

/** starts all of them; `folder` holds their configuration and is the caller's to remove */
export async function startContenders(
  folder: string,
  node: string,
  nginx: string | undefined,
): Promise<Contenders> {
  const children: ChildProcess[] = [];
  const start = (
    name: string,
    file: string,
    args: string[],
    stdout: 'pipe' | 'ignore' = 'ignore',
  ): ChildProcess => {
    const child = spawn(file, args, { stdio: ['ignore', stdout, 'inherit'] });
    child.once('exit', (code) => {
      if (code !== 0 && code !== null) console.error(`seks: error: ${name} exited with ${code}`);
    });
    children.push(child);
    return child;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(
      children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill('SIGTERM');
        await once(child, 'exit');
      }),
    );
  };
  try {
    const certificates = await makeCertificates([HOST, 'localhost']);
    const file = (name: string): string => join(folder, name);
    await writeFile(file('ca.pem'), certificates.ca);
    await writeFile(file('cert.pem'), certificates.cert);
    await writeFile(file('key.pem'), certificates.key, { mode: 0o600 });

    const upstream = start(
      'upstream',
      node,
      [join(import.meta.dirname, 'upstream.ts'), file('key.pem'), file('cert.pem')],
      'pipe',
    );
    const upstreamPort = await firstLine(upstream);
    const direct: Target = {
      name: 'direct',
      url: `https://localhost:${upstreamPort}`,
      path: ROUTE,
      authorization: `Bearer ${KEY}`,
      ca: certificates.ca,
    };

    const others: Target[] = [];
    if (nginx !== undefined) {
      const port = await freePort();
      await mkdir(file('nginx'));
      // nginx reads its files as another user when root starts it.
      await chmod(folder, 0o755);
      await writeFile(file('nginx.conf'), nginxConfig(folder, port, Number(upstreamPort)));
      const child = start('nginx', nginx, ['-e', 'stderr', '-p', folder, '-c', file('nginx.conf')]);
      await accepts(port);
      others.push({
        name: 'nginx',
        url: `http://127.0.0.1:${port}`,
        path: ROUTE,
        authorization: 'Bearer fake',
        ...(child.pid === undefined ? {} : { pid: child.pid }),
      });
    }

    const token = makeFakeToken('sk-proj-{token}', randomBytes).reveal((bytes) => bytes.toString());
    const { name, spec } = resolveProvider('openai', () => undefined);
    const [port, adminPort] = [await freePort(), await freePort()];
    const provider = {
      name,
      spec: {
        ...spec,
        upstreams: [{ host: HOST, port: Number(upstreamPort), network: 'Private' }],
        caBundle: certificates.ca,
      },
    };
    const config = {
      port,
      adminPort,
      credentials: [{ provider, token, key: KEY }],
      addresses: { [HOST]: ['127.0.0.1'] },
    };
    await writeFile(file('sidecar.json'), JSON.stringify(config), { mode: 0o600 });
    // Bundled like the product, so that its memory is comparable.
    await build({
      entryPoints: [join(import.meta.dirname, '../../sidecar/src/testing/standalone.ts')],
      outfile: file('standalone.mjs'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node24',
      logLevel: 'warning',
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      },
    });
    const sidecar = start('sidecar', node, [...V8_FLAGS, file('standalone.mjs'), file('sidecar.json')]);
    await accepts(port);
    others.push({
      name: 'sidecar',
      url: `http://127.0.0.1:${port}`,
      path: `/openai${ROUTE}`,
      authorization: `Bearer ${token}`,
      ...(sidecar.pid === undefined ? {} : { pid: sidecar.pid }),
    });
    return { targets: [direct, ...others], stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** the least that nginx needs to do the same job: keep-alive both ways, TLS verified, the key put in */
function nginxConfig(folder: string, port: number, upstreamPort: number): string {
  return `
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/nginx/body;
  proxy_temp_path ${folder}/nginx/proxy;
  fastcgi_temp_path ${folder}/nginx/fastcgi;
  uwsgi_temp_path ${folder}/nginx/uwsgi;
  scgi_temp_path ${folder}/nginx/scgi;
  keepalive_requests 1000000;
  upstream provider { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass https://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host ${HOST};
      proxy_set_header Authorization "Bearer ${KEY}";
      proxy_ssl_name ${HOST};
      proxy_ssl_server_name on;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ${folder}/ca.pem;
      proxy_buffering off;
      proxy_request_buffering off;
    }
  }
}
`;
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the child has no standard output');
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line', { signal: AbortSignal.timeout(START_TIMEOUT_MS) })) as [string];
  return line;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** resolves once something accepts connections on the port */
async function accepts(port: number): Promise<void> {
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const socket = createConnection(port, '127.0.0.1');
    const connected = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (connected) return;
    if (Date.now() > deadlineMs)
      throw new Error(`nothing listens on port ${port} after ${START_TIMEOUT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
