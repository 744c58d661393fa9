// How one API wants its credential. A SeksProvider object and a document of the built-in catalogue have the same spec;
// the CRD in crds/manifests/ is its public form, and a test keeps the two equal.
import { z } from 'zod';

/** method and path rule; omitted methods match every method, paths are globs: `*` within a segment, `**` across */
export const routeRule = z.strictObject({
  methods: z.array(z.string()).optional(),
  paths: z.array(z.string()).min(1),
});

export const upstream = z.strictObject({
  host: z.string(),
  port: z.int().min(1).max(65535).optional(),
  /** `Private` lets the name resolve to private addresses; loopback, link-local and metadata stay refused */
  network: z.enum(['Public', 'Private']).optional(),
});

export const headerPlacement = z.strictObject({
  header: z.strictObject({
    name: z.string(),
    /** e.g. `Bearer`; omitted: the header's whole value is the credential */
    scheme: z.string().optional(),
  }),
});

export const providerEnv = z.strictObject({
  /** variables that get the fake token */
  key: z.array(z.string()).min(1),
  /** variables that get the sidecar's base URL */
  baseUrl: z.array(z.string()).optional(),
  /** path that the SDK expects at the end of its base URL, e.g. `/v1` */
  baseUrlPath: z.string().optional(),
  /** further variables that make the provider's SDKs behave, e.g. tracing off */
  constants: z.array(z.strictObject({ name: z.string(), value: z.string() })).optional(),
});

export const providerSpec = z.strictObject({
  displayName: z.string().optional(),
  upstreams: z.array(upstream).length(1),
  auth: z.array(headerPlacement).min(1),
  env: providerEnv,
  /** template of fake tokens; holds `{token}` or `{token:N}` exactly once */
  fakeToken: z.string(),
  allow: z.array(routeRule).optional(),
  deny: z.array(routeRule).optional(),
  usage: z.strictObject({ format: z.enum(['OpenAI', 'Anthropic']) }).optional(),
  /** PEM certificates that the upstream is checked with instead of the public roots */
  caBundle: z.string().optional(),
});

export type RouteRule = z.infer<typeof routeRule>;
export type Upstream = z.infer<typeof upstream>;
export type HeaderPlacement = z.infer<typeof headerPlacement>;
export type ProviderSpec = z.infer<typeof providerSpec>;
/** a provider under its name, wherever it came from */
export interface Provider {
  name: string;
  spec: ProviderSpec;
}
