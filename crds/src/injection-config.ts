// What the webhook decided for one pod. It is signed into the pod's injection seal and handed to the sidecar as it is;
// the sidecar container and its volume are a pure function of it, so the signature covers them too.
import * as z from 'zod';

const tier = z.enum(['user', 'builder']);

/** where a credential's real key may come from; the first source whose Secret key exists wins */
export const injectedSource = z.strictObject({
  tier,
  secret: z.string(),
  key: z.string(),
});

export const injectedCredential = z.strictObject({
  name: z.string(),
  provider: z.string(),
  sources: z.array(injectedSource).min(1),
  /** one fake token for each container, as the SHA-256 of the token in base64url */
  tokens: z.array(z.strictObject({ container: z.string(), sha256: z.string() })),
});

export const injectedBinding = z.strictObject({
  uid: z.string(),
  name: z.string(),
  agent: z.string(),
  credentials: z.array(injectedCredential),
});

const quantities = z.record(z.string(), z.string());

/** settings of the sidecar container that the operator's administrator chose */
export const sidecarSettings = z.strictObject({
  image: z.string(),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']),
  resources: z.strictObject({ requests: quantities, limits: quantities }),
});

export const injectionConfig = z.strictObject({
  version: z.literal(1),
  namespace: z.string(),
  serviceAccountName: z.string(),
  /** when the webhook decided, in whole `seconds` since 1970 */
  issuedAtSeconds: z.int(),
  sidecar: sidecarSettings,
  keyService: z.strictObject({
    /** `https://seks-keyservice.<ns>.svc.<cluster domain>:8443` */
    url: z.url(),
    /** PEM certificates that the key service's certificate is checked with */
    caBundle: z.string(),
  }),
  /** provider hosts, in lower case and sorted, that the sidecar terminates TLS for with its own certificate */
  interception: z.strictObject({
    /** the pod's /etc/hosts points them to the sidecar */
    aliases: z.array(z.string()),
    /** an HTTPS proxy's CONNECT may name them */
    proxied: z.array(z.string()),
  }),
  bindings: z.array(injectedBinding),
});

export type Tier = z.infer<typeof tier>;
export type InjectedSource = z.infer<typeof injectedSource>;
export type InjectedCredential = z.infer<typeof injectedCredential>;
export type InjectedBinding = z.infer<typeof injectedBinding>;
export type SidecarSettings = z.infer<typeof sidecarSettings>;
export type InjectionConfig = z.infer<typeof injectionConfig>;
