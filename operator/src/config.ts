// The process's configuration from its environment: checked once, every problem reported with its variable.
import { KEYSERVICE_PORT, sidecarSettings } from '@seks/crds';
import type { SidecarSettings } from '@seks/crds';
import * as z from 'zod';

import type { KubeConfigSource } from './kube/connection.ts';

const port = (fallback: number) => z.coerce.number().int().min(1).max(65_535).default(fallback);
const dnsLabel = z
  .string('must be set')
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be the name of a namespace');

const common = {
  /** namespace of the release, from the downward API */
  SEKS_NAMESPACE: dnsLabel,
  SEKS_CLUSTER_DOMAIN: z
    .string()
    .regex(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, 'must be a DNS name')
    .default('cluster.local'),
  SEKS_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  SEKS_ADMIN_PORT: port(8080),
  /** outside of a cluster: path of a kubeconfig */
  KUBECONFIG: z.string().min(1).optional(),
  HOSTNAME: z.string().min(1).default('seks'),
};

const DEFAULT_RESOURCES = { requests: { cpu: '20m', memory: '96Mi' }, limits: { memory: '256Mi' } };

const controllerEnv = z.object({
  ...common,
  SEKS_WEBHOOK_PORT: port(9443),
  SEKS_SIDECAR_IMAGE: z.string('must be set').min(1, 'must be set'),
  SEKS_SIDECAR_IMAGE_PULL_POLICY: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent'),
  SEKS_SIDECAR_RESOURCES: json(sidecarSettings.shape.resources).default(DEFAULT_RESOURCES),
});

const kmsEntry = z.discriminatedUnion('kms', [
  z.strictObject({ kms: z.literal('local') }),
  z.strictObject({
    kms: z.literal('aws'),
    region: z.string().min(1).optional(),
    keyIds: z.array(z.string().startsWith('arn:', 'must be the full ARN of the key')).min(1).max(16),
    /** for private endpoints and emulators */
    endpoint: z.url().optional(),
  }),
]);

const keyserviceEnv = z.object({
  ...common,
  SEKS_KEYSERVICE_LISTEN_PORT: port(8443),
  SEKS_LEASE_TTL_SECONDS: z.coerce.number().int().min(60).max(3600).default(900),
  SEKS_KMS: json(
    z
      .array(kmsEntry)
      .min(1, 'must list at least one KMS')
      .refine((list) => list.filter(({ kms }) => kms === 'local').length < 2, 'may list "local" only once'),
  ).default([{ kms: 'local' }]),
});

export interface CommonConfig {
  namespace: string;
  clusterDomain: string;
  logLevel: string;
  adminPort: number;
  kube: KubeConfigSource;
  /** name of this process in events, the pod's name */
  instance: string;
}

export interface ControllerConfig extends CommonConfig {
  role: 'controller';
  webhookPort: number;
  sidecar: SidecarSettings;
}

export type KmsEntry = z.infer<typeof kmsEntry>;

export interface KeyserviceConfig extends CommonConfig {
  role: 'keyservice';
  listenPort: number;
  leaseTtlSeconds: number;
  kms: KmsEntry[];
}

export type Config = ControllerConfig | KeyserviceConfig;
export const ROLES = ['controller', 'keyservice'] as const;
export type Role = (typeof ROLES)[number];

/** the configuration, or every problem as `VARIABLE.path: what is wrong` */
export function parseConfig(
  role: Role,
  env: Readonly<Record<string, string | undefined>>,
): { ok: true; config: Config } | { ok: false; problems: string[] } {
  // An empty variable is what a chart renders for an unset value.
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  if (role === 'controller') {
    const parsed = controllerEnv.safeParse(set);
    if (!parsed.success) return { ok: false, problems: problemsOf(parsed.error) };
    const values = parsed.data;
    const sidecar: SidecarSettings = {
      image: values.SEKS_SIDECAR_IMAGE,
      imagePullPolicy: values.SEKS_SIDECAR_IMAGE_PULL_POLICY,
      resources: values.SEKS_SIDECAR_RESOURCES,
    };
    return {
      ok: true,
      config: { role, ...commonOf(values), webhookPort: values.SEKS_WEBHOOK_PORT, sidecar },
    };
  }
  const parsed = keyserviceEnv.safeParse(set);
  if (!parsed.success) return { ok: false, problems: problemsOf(parsed.error) };
  const values = parsed.data;
  return {
    ok: true,
    config: {
      role,
      ...commonOf(values),
      listenPort: values.SEKS_KEYSERVICE_LISTEN_PORT,
      leaseTtlSeconds: values.SEKS_LEASE_TTL_SECONDS,
      kms: values.SEKS_KMS,
    },
  };
}

function commonOf(values: z.infer<z.ZodObject<typeof common>>): CommonConfig {
  return {
    namespace: values.SEKS_NAMESPACE,
    clusterDomain: values.SEKS_CLUSTER_DOMAIN,
    logLevel: values.SEKS_LOG_LEVEL,
    adminPort: values.SEKS_ADMIN_PORT,
    kube:
      values.KUBECONFIG === undefined ? { kind: 'in-cluster' } : { kind: 'file', path: values.KUBECONFIG },
    instance: values.HOSTNAME,
  };
}

/** a variable that holds JSON of that shape */
function json<T extends z.ZodType>(schema: T) {
  return z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue({ code: 'custom', message: 'must be JSON' });
        return z.NEVER;
      }
    })
    .pipe(schema);
}

function problemsOf(error: z.ZodError): string[] {
  return error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
}

/** DNS names of the operator's Services, which their certificates are for */
export interface ServiceNames {
  webhook: string[];
  keyservice: string[];
  keyserviceUrl: string;
  /** domains that the CA may issue for */
  caDomains: string[];
}

/** names below the release namespace; the API server calls the webhook by the short one */
export function serviceNames({ namespace, clusterDomain }: CommonConfig): ServiceNames {
  const domains = [`${namespace}.svc`, `${namespace}.svc.${clusterDomain}`];
  return {
    webhook: domains.map((domain) => `seks-webhook.${domain}`),
    keyservice: domains.map((domain) => `seks-keyservice.${domain}`),
    keyserviceUrl: `https://seks-keyservice.${namespace}.svc.${clusterDomain}:${KEYSERVICE_PORT}`,
    caDomains: domains,
  };
}
