// Every name that two parts of the product must agree on: labels, audiences, ports, paths, object names.

export const API_GROUP = 'seks.ai';
export const API_VERSION = 'v1alpha1';

/** namespace label that opts a namespace in */
export const LABEL_INJECTION = 'seks.ai/injection';
/** value of {@link LABEL_INJECTION} that opts in */
export const INJECTION_ENABLED = 'enabled';
/** pod label `"true"`: no matching binding is a denial */
export const LABEL_INJECT = 'seks.ai/inject';
/** pod label that the webhook sets on each pod that it injects */
export const LABEL_INJECTED = 'seks.ai/injected';
/** label of Secrets whose values are `seks.v1` envelopes */
export const LABEL_SEALED = 'seks.ai/sealed';
/** pod annotation with the injection seal */
export const ANNOTATION_SEAL = 'seks.ai/injection-seal';

export const SIDECAR_CONTAINER = 'seks-proxy';
/** the sidecar's UID and GID; no other container of an injected pod may run as it */
export const SIDECAR_UID = 64021;
/** volume that only the sidecar mounts: sealed Secrets and its key service token */
export const VOLUME_PRIVATE = 'seks-private';
export const PRIVATE_MOUNT_PATH = '/var/run/seks/private';
/** the key service token's path below {@link PRIVATE_MOUNT_PATH} */
export const KEYSERVICE_TOKEN_FILE = 'token/keyservice';
/** folder of sealed values below {@link PRIVATE_MOUNT_PATH}: `sealed/{secret}/{key}` */
export const SEALED_DIRECTORY = 'sealed';

/** memory-backed volume that only the sidecar mounts: the pod's own CA, so that a restarted sidecar keeps it */
export const VOLUME_RUN = 'seks-private-run';
export const RUN_MOUNT_PATH = '/var/run/seks/run';
/** volume that the sidecar writes and every other container may read: certificates to trust */
export const VOLUME_PUBLIC = 'seks-public';
export const PUBLIC_MOUNT_PATH = '/var/run/seks/public';
/** the pod's own CA below {@link PUBLIC_MOUNT_PATH} */
export const CA_FILE = 'ca.pem';
/** public roots and the pod's own CA below {@link PUBLIC_MOUNT_PATH} */
export const CA_BUNDLE_FILE = 'ca-bundle.pem';

/** prefix of all our token audiences: only the sidecar may mount one, only a kubelet may request one */
export const AUDIENCE_PREFIX = 'seks-';
export const AUDIENCE_KEYSERVICE = 'seks-keyservice';

/** agent side port, loopback only */
export const AGENT_PORT = 15080;
/** where hosts that /etc/hosts points to the sidecar are answered, loopback only */
export const ALIAS_PORT = 443;
/** `/metrics`, `/healthz` and `/readyz` */
export const ADMIN_PORT = 15090;
export const ADMIN_PORT_NAME = 'seks-metrics';
export const KEYSERVICE_PORT = 8443;

/** environment variable with the sidecar's InjectionConfig as JSON */
export const ENV_SIDECAR_CONFIG = 'SEKS_CONFIG';

/** ConfigMap in the release namespace: CA bundle and injection public keys */
export const TRUST_CONFIG_MAP = 'seks-trust';
export const TRUST_CA_KEY = 'ca.crt';
/** JSON Web Key Set (RFC 7517) of the Ed25519 keys that injection seals are checked with */
export const TRUST_INJECTION_KEYS_KEY = 'injection-keys.json';
/** Secret with the CA's certificates and private keys */
export const CA_SECRET = 'seks-ca';
/** Secret with the webhook's Ed25519 signing key */
export const INJECTION_SIGNER_SECRET = 'seks-injection-signer';
/** Secret with the local KMS's RSA private keys, one data key per key id */
export const KMS_LOCAL_SECRET = 'seks-kms-local';
/** ConfigMap that anyone may read: the local KMS's public key, for sealing offline */
export const SEALING_CONFIG_MAP = 'seks-sealing-key';
export const SEALING_PUBLIC_KEY = 'sealing.pem';
/** Secret with the HMAC key that lease ids are signed with */
export const LEASE_SIGNER_SECRET = 'seks-lease-signer';
