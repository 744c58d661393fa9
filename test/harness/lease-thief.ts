// Somebody in the cluster who wants a lease: tries every token that a pod can get at the key service, and mints more where
// RBAC lets it. It knows the protocol, the binding and the sealed header, and does not care about certificates.
import { FEATURES } from '@seks/crds';
import { type Kubectl, type Target } from './kubectl.ts';
import { SYSTEM_NAMESPACE } from './install.ts';

/** a TokenRequest of the thief's ServiceAccount */
export interface WantedToken {
  readonly audiences: readonly string[];
  /** a pod to bind it to, such as the one to be impersonated */
  readonly boundTo?: { readonly name: string; readonly uid: string };
}

export interface Loot {
  /** token files in the thief's container, by a name for the report */
  readonly files?: Readonly<Record<string, string>>;
  /** tokens from elsewhere */
  readonly tokens?: Readonly<Record<string, string>>;
  readonly wanted?: Readonly<Record<string, WantedToken>>;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** the lease to ask for */
  readonly lease: { readonly bindingUid: string; readonly credential: string; readonly sealed: string };
}

export interface Attempt {
  readonly status: number;
  /** code of an error of SEKS, the message of any other, empty for a success */
  readonly said: string;
}

export interface Theft {
  /** answer of the key service to each token */
  readonly leases: Readonly<Record<string, Attempt>>;
  /** answer of the API server to each wanted token */
  readonly minted: Readonly<Record<string, Attempt>>;
}

export const KEY_SERVICE_URL = `https://seks-keyservice.${SYSTEM_NAMESPACE}.svc.cluster.local:8443/v1/leases`;

/** prints a {@link Theft}; runs in the agent's image and in the sidecar's, which both have node */
export const THIEF = `
import { readFileSync } from 'node:fs';
const { url, features, files, tokens, wanted, namespace, serviceAccount, lease } = JSON.parse(process.argv[1]);
const read = (path) => readFileSync(path, 'utf8').trim();
const said = ({ error, message }) => error?.code ?? /SEKS_[A-Z_]+/.exec(message)?.[0] ?? message ?? '';
async function post(to, token, body) {
  const headers = { 'content-type': 'application/json', ...(token === '' ? {} : { authorization: 'Bearer ' + token }) };
  const answer = await fetch(to, { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(10_000) });
  return { status: answer.status, body: await answer.json() };
}
const { protected: head, unprotected: { edks } } = JSON.parse(lease.sealed);
const { bindingUid, credential } = lease;
const request = {
  protocol: 1,
  features,
  credentials: [{ bindingUid, credential, sources: [{ state: 'sealed', header: { protected: head, edks } }] }],
};
const all = { ...tokens };
for (const [name, path] of Object.entries(files)) all[name] = read(path);
const minted = {};
for (const [name, { audiences, boundTo }] of Object.entries(wanted)) {
  const boundObjectRef = boundTo && { apiVersion: 'v1', kind: 'Pod', ...boundTo };
  const path = '/api/v1/namespaces/' + namespace + '/serviceaccounts/' + serviceAccount + '/token';
  const api = 'https://' + process.env.KUBERNETES_SERVICE_HOST + ':' + process.env.KUBERNETES_SERVICE_PORT;
  const own = read('/var/run/secrets/kubernetes.io/serviceaccount/token');
  const { status, body } = await post(api + path, own, {
    apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences, boundObjectRef },
  });
  minted[name] = { status, said: said(body) };
  if (body.status?.token !== undefined) all[name] = body.status.token;
}
const leases = {};
for (const [name, token] of Object.entries(all)) {
  const { status, body } = await post(url, token, request);
  leases[name] = { status, said: said(body) };
}
console.log(JSON.stringify({ leases, minted }));
`;

/** what a thief is told, as the program's argument */
export function thiefArgument({ files = {}, tokens = {}, wanted = {}, ...rest }: Loot): string {
  return JSON.stringify({ url: KEY_SERVICE_URL, features: FEATURES, files, tokens, wanted, ...rest });
}

/** runs the thief in a container that has node */
export async function steal(kubectl: Kubectl, target: Target, loot: Loot): Promise<Theft> {
  const program = ['node', '--no-warnings', '--input-type=module', '-e', THIEF, thiefArgument(loot)];
  const command = ['env', 'NODE_TLS_REJECT_UNAUTHORIZED=0', ...program];
  const { code, stdout, stderr } = await kubectl.exec(target, command, { timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`the thief failed: ${stderr}`);
  return JSON.parse(stdout) as Theft;
}
