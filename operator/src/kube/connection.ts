// How we reach the API server and who we are: read with @kubernetes/client-node, kept in one undici Agent.
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';

import { KubeConfig } from '@kubernetes/client-node';
import { Agent } from 'undici';

export interface KubeConnection {
  /** scheme, host and port */
  origin: string;
  /** path prefix of the server URL, often empty */
  basePath: string;
  dispatcher: Agent;
  /** value of the Authorization header; read again when it is older than a minute */
  authorization(): Promise<string | undefined>;
  /** makes the next {@link authorization} read again */
  forgetAuthorization(): void;
  close(): Promise<void>;
}

/** where the kubeconfig comes from; `in-cluster` is the pod's own ServiceAccount */
export type KubeConfigSource = { kind: 'in-cluster' } | { kind: 'file'; path: string };

const AUTHORIZATION_MAX_AGE_MS = 60_000;

/** reads the kubeconfig and the cluster's CA once and makes the one connection pool */
export async function openKubeConnection(
  source: KubeConfigSource,
  clock: () => number,
): Promise<KubeConnection> {
  const config = new KubeConfig();
  if (source.kind === 'in-cluster') config.loadFromCluster();
  else config.loadFromFile(source.path);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig has no current cluster');
  // An unverified API server could hand us any pod and any binding.
  if (cluster.skipTLSVerify)
    throw new Error('the kubeconfig skips TLS verification; set its certificate-authority');

  const tls: RequestOptions & { servername?: string } = {};
  await config.applyToHTTPSOptions(tls);
  const server = new URL(cluster.server);
  const dispatcher = new Agent({
    connect: {
      ...(tls.ca === undefined ? {} : { ca: tls.ca as Buffer }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert as Buffer }),
      ...(tls.key === undefined ? {} : { key: tls.key as Buffer }),
      ...(tls.servername === undefined ? {} : { servername: tls.servername }),
      timeout: 10_000,
      // A node that vanished would else be noticed only by the silence of its watches.
      keepAlive: true,
      keepAliveInitialDelay: 10_000,
    },
    // Watches and slow lists carry their own deadlines.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 30_000,
  });

  let cached: { value: string | undefined; readAtMs: number } | undefined;
  return {
    origin: server.origin,
    basePath: server.pathname === '/' ? '' : server.pathname.replace(/\/$/, ''),
    dispatcher,
    async authorization() {
      if (cached === undefined || clock() - cached.readAtMs >= AUTHORIZATION_MAX_AGE_MS) {
        cached = { value: await readAuthorization(config), readAtMs: clock() };
      }
      return cached.value;
    },
    forgetAuthorization: () => void (cached = undefined),
    close: async () => await dispatcher.destroy(),
  };
}

async function readAuthorization(config: KubeConfig): Promise<string | undefined> {
  const tokenFile = tokenFileOf(config);
  // client-node keeps a file's token for a minute by itself; on top of ours that would be two.
  if (tokenFile !== undefined) return `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}`;
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const headers = options.headers as Record<string, string> | undefined;
  if (typeof options.auth === 'string') return `Basic ${Buffer.from(options.auth).toString('base64')}`;
  return headers?.['Authorization'];
}

function tokenFileOf(config: KubeConfig): string | undefined {
  const settings: unknown = config.getCurrentUser()?.authProvider?.config;
  if (typeof settings !== 'object' || settings === null || !('tokenFile' in settings)) return undefined;
  return typeof settings.tokenFile === 'string' ? settings.tokenFile : undefined;
}
