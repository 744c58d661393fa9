// The pod's own CA: made at the first start, and the same again when the container restarts, because the agent's processes
// have read its certificate by then. Its private key is forgotten as soon as it has signed the one certificate there is.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';

import { CA_BUNDLE_FILE, CA_FILE, Secret, SeksError } from '@seks/crds';

import { writeAtomically } from '../run-directory/run-file.ts';
import { mintIdentity } from './mint-identity.ts';
import { decodeIdentity, encodeIdentity, isUsable, type TlsIdentity } from './tls-identity.ts';

/** in the run directory: CA certificate, certificate and key of the sidecar */
export const IDENTITY_FILE = 'tls.pem';
const MAX_IDENTITY_BYTES = 65_536;
const MAX_HOSTS = 512;
/** letters, digits and hyphens in at least two labels, the last of which is no number */
const HOST_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export interface PodCaOptions {
  /** only the sidecar mounts it, and it outlives the container */
  runDirectory: string;
  /** the other containers read it */
  publicDirectory: string;
  /** hosts, in lower case, that the sidecar answers under their own name */
  hosts: readonly string[];
  /** `ms` since 1970 */
  nowMs: number;
  randomBytes: (size: number) => Buffer;
}

/** the sidecar's certificate, and whether it was there already */
export interface PodCa {
  identity: TlsIdentity;
  reused: boolean;
}

/**
 * makes or finds the pod's CA and publishes its certificate; to be awaited before anything listens
 *
 * @throws SeksError SEKS_CONFIG_INVALID for a host that is no host name; errors of the file system as they are
 */
export async function ensurePodCa(options: PodCaOptions): Promise<PodCa> {
  const { runDirectory, publicDirectory, nowMs, randomBytes } = options;
  const hosts = checkHosts(options.hosts);
  const found = await readIdentity(join(runDirectory, IDENTITY_FILE));
  const reused = found !== undefined && isUsable(found, hosts, nowMs);
  const identity = reused ? found : await mintIdentity(hosts, options);
  if (!reused) {
    await encodeIdentity(identity).reveal((bytes) =>
      writeAtomically(runDirectory, IDENTITY_FILE, bytes, { mode: 0o600, randomBytes }),
    );
  }
  // Always: it costs little, and what the agent trusts is right whatever was there.
  const published = { mode: 0o444, randomBytes };
  const bundle = `${rootCertificates.join('\n')}\n${identity.caPem}`;
  await Promise.all([
    writeAtomically(publicDirectory, CA_FILE, identity.caPem, published),
    writeAtomically(publicDirectory, CA_BUNDLE_FILE, bundle, published),
  ]);
  return { identity, reused };
}

/** undefined if there is none, or something that is none */
async function readIdentity(path: string): Promise<TlsIdentity | undefined> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
  try {
    if ((await file.stat()).size > MAX_IDENTITY_BYTES) return undefined;
    const bytes = await file.readFile();
    const content = new Secret('private-key', bytes);
    bytes.fill(0);
    return decodeIdentity(content);
  } finally {
    await file.close();
  }
}

/** sorted, so that the same hosts always make the same certificate */
function checkHosts(hosts: readonly string[]): string[] {
  // One that is no name would be read by OpenSSL as a constraint on everything (empty) or on nothing.
  const odd = hosts.find((host) => !HOST_NAME.test(host));
  if (odd !== undefined)
    throw new SeksError('SEKS_CONFIG_INVALID', `${odd} is not a host name in lower case.`);
  const unique = [...new Set(hosts)].sort();
  if (unique.length > MAX_HOSTS) throw new SeksError('SEKS_CONFIG_INVALID', `More than ${MAX_HOSTS} hosts.`);
  return unique;
}
