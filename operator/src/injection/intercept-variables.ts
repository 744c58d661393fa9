// Variables that make a container's programs trust the pod's own CA and use the sidecar as their proxy. Unlike those of a credential
// they are a help and no claim: a container that sets one of them itself keeps it.
import { AGENT_PORT, CA_BUNDLE_FILE, CA_FILE, PUBLIC_MOUNT_PATH } from '@seks/crds';
import type { InterceptMode } from '@seks/crds';

/** one setting, set under all of its names unless the container has one of them */
export interface Amenity {
  names: readonly string[];
  value: string;
  /** what follows from the container's own value; completes a sentence that begins with the name */
  otherwise: string;
}

/** never through a proxy: the sidecar itself; a proxy elsewhere would get the fake tokens and could not reach it */
export const LOOPBACK: readonly string[] = ['127.0.0.1', 'localhost'];

const CA = `${PUBLIC_MOUNT_PATH}/${CA_FILE}`;
const CA_BUNDLE = `${PUBLIC_MOUNT_PATH}/${CA_BUNDLE_FILE}`;

/** adds to the roots that Node and Bun, and Deno since 2.8, bring along */
const NODE_TRUST = trust('NODE_EXTRA_CA_CERTS', CA);

/** the rest of what clients read; all but Deno's replace the roots, and so get a bundle with the public ones */
const OTHER_TRUST: readonly Amenity[] = [
  trust('DENO_CERT', CA),
  // OpenSSL, and with it Python's ssl and Ruby; Go; rustls-native-certs
  trust('SSL_CERT_FILE', CA_BUNDLE),
  trust('REQUESTS_CA_BUNDLE', CA_BUNDLE),
  trust('CURL_CA_BUNDLE', CA_BUNDLE),
  trust('GIT_SSL_CAINFO', CA_BUNDLE),
  trust('AWS_CA_BUNDLE', CA_BUNDLE),
  trust('CODEX_CA_CERTIFICATE', CA_BUNDLE),
];

const PROXY: readonly Amenity[] = [
  {
    names: ['HTTPS_PROXY', 'https_proxy'],
    value: `http://127.0.0.1:${AGENT_PORT}`,
    otherwise: 'is kept, so intercept mode Proxy does not work there',
  },
  {
    // Node reads the variables of proxies only with it.
    names: ['NODE_USE_ENV_PROXY'],
    value: '1',
    otherwise: 'is kept, so intercept mode Proxy may not work there',
  },
];

/** settings for a container whose credentials have these modes */
export function amenitiesOf(modes: ReadonlySet<InterceptMode>): Amenity[] {
  return [
    NODE_TRUST,
    ...(modes.has('HostAlias') || modes.has('Proxy') ? OTHER_TRUST : []),
    ...(modes.has('Proxy') ? PROXY : []),
  ];
}

/**
 * hosts that are not to be called through the sidecar's proxy: itself and the cluster's Services
 *
 * @param keyServiceUrl holds the cluster's domain
 */
export function proxyBypass(keyServiceUrl: string): string[] {
  const [, domain] = new URL(keyServiceUrl).hostname.split('.svc.');
  return [...LOOPBACK, '.svc', ...(domain === undefined ? [] : [`.${domain}`])];
}

function trust(name: string, file: string): Amenity {
  return { names: [name], value: file, otherwise: `is kept; add the certificates of ${file} to its file` };
}
