// How one API wants its credential. A SeksProvider object and a document of the built-in catalogue have the same spec;
// the CRD in crds/manifests/ is its public form, and a test keeps the two equal.
import * as z from 'zod';

/** method, host and path rule; omitted methods and hosts match all, paths are globs: `*` within a segment, `**` across */
export const routeRule = z.strictObject({
  methods: z.array(z.string()).optional(),
  hosts: z.array(z.string()).optional(),
  paths: z.array(z.string()).min(1),
});

/** one host of the API; a leading `*.` stands for one label, `{name}` for a parameter of the binding */
export const upstream = z.strictObject({
  host: z.string(),
  port: z.int().min(1).max(65535).optional(),
  /** `Private` lets the name resolve to private addresses; loopback, link-local and metadata stay refused */
  network: z.enum(['Public', 'Private']).optional(),
  /** `None`: never gets the credential, and is called only by URLs that an answer of the API handed out */
  auth: z.enum(['Required', 'None']).optional(),
});

/** where a credential may stand; exactly one member is set */
export const placement = z.union([
  /** a header; without scheme its whole value is the credential */
  z.strictObject({ header: z.strictObject({ name: z.string(), scheme: z.string().optional() }) }),
  /** HTTP Basic (RFC 7617) */
  z.strictObject({ basic: z.strictObject({ field: z.enum(['Username', 'Password']) }) }),
  z.strictObject({ query: z.strictObject({ name: z.string() }) }),
  /** the rest of a path segment after a prefix that begins at the root, e.g. `/bot` or `/file/bot` */
  z.strictObject({ path: z.strictObject({ prefix: z.string() }) }),
  /** one entry of Sec-WebSocket-Protocol, after a prefix */
  z.strictObject({ webSocketProtocol: z.strictObject({ prefix: z.string() }) }),
  /** a string in a JSON message of a WebSocket that was opened at one of these paths without a credential */
  z.strictObject({
    webSocketMessage: z.strictObject({ field: z.string(), paths: z.array(z.string()).min(1) }),
  }),
]);

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

/** how requests of the agent come to the sidecar */
export const interceptMode = z.enum(['BaseURL', 'HostAlias', 'Proxy']);

/** below the base URL, a path that begins with `prefix` stands for another one; the first that fits counts */
export const pathAlias = z.strictObject({
  prefix: z.string(),
  /** unless it begins with one of these */
  except: z.array(z.string()).optional(),
  /** what `prefix` is replaced with */
  path: z.string(),
  /** upstream; omitted: the first */
  host: z.string().optional(),
});

const fieldRule = z.strictObject({
  paths: z.array(z.string()).min(1),
  fields: z.array(z.string()).min(1),
});

/** what is changed in answers besides the key */
export const rewriteRules = z.strictObject({
  /** headers with URLs that must come back through the sidecar; `location` always is one */
  headers: z.array(z.string()).optional(),
  /** JSON members, at any depth, whose strings are such URLs or hosts */
  urls: z.array(fieldRule).optional(),
  /** JSON members, at any depth, whose strings are other credentials, to be written over */
  redact: z.array(fieldRule).optional(),
});

export const usageFormat = z.enum(['OpenAI', 'Anthropic', 'Gemini', 'Cohere', 'Bedrock']);

/** US dollars per million tokens, as decimal text; a part without a price of its own costs what the whole does */
const tokenPrices = z.strictObject({
  input: z.string().optional(),
  cachedInput: z.string().optional(),
  cacheWrite: z.string().optional(),
  /** of what the cache keeps for an hour and not for minutes; omitted: as `cacheWrite` */
  cacheWriteHour: z.string().optional(),
  output: z.string().optional(),
  inputAudio: z.string().optional(),
  outputAudio: z.string().optional(),
});

export const modelPrice = z.strictObject({
  /** glob over model names */
  match: z.string(),
  ...tokenPrices.shape,
  /** prices of the whole request, the answer included, if its input is longer */
  longPrompt: z.strictObject({ overTokens: z.int().positive(), ...tokenPrices.shape }).optional(),
});

export const providerSpec = z.strictObject({
  displayName: z.string().optional(),
  /** the first is the one that a path without host means; it has `auth: Required` and no wildcard */
  upstreams: z.array(upstream).min(1).max(16),
  /** names of the parts of `upstreams[].host` that the binding fills in */
  parameters: z
    .array(
      z.strictObject({
        name: z.string(),
        description: z.string().optional(),
        default: z.string().optional(),
      }),
    )
    .optional(),
  auth: z.array(placement).min(1).max(8),
  env: providerEnv,
  /** omitted: BaseURL if `env.baseUrl` names a variable, else HostAlias */
  intercept: z.array(interceptMode).min(1).optional(),
  aliases: z.array(pathAlias).optional(),
  /** template of fake tokens; holds `{token}` or `{token:N}` exactly once */
  fakeToken: z.string(),
  /** how real keys begin, so that error answers that quote one in part can be masked */
  keyPrefixes: z.array(z.string()).optional(),
  allow: z.array(routeRule).optional(),
  deny: z.array(routeRule).optional(),
  /** routes whose path holds a credential of its own, so that a request without the token is forwarded as it is */
  keyless: z.array(routeRule).optional(),
  rewrite: rewriteRules.optional(),
  /** where a request names its model: `model` of the JSON body or form, or a `{model}` in one of the path globs */
  modelFrom: z
    .strictObject({ body: z.boolean().optional(), paths: z.array(z.string()).optional() })
    .optional(),
  usage: z
    .strictObject({
      format: usageFormat,
      /** paths whose streams tell usage only if the request asks for it with `stream_options.include_usage` */
      includeUsage: z.array(z.string()).optional(),
    })
    .optional(),
  prices: z
    .strictObject({
      /** day on which the prices were read, `YYYY-MM-DD` */
      asOf: z.string(),
      source: z.string().optional(),
      models: z.array(modelPrice).min(1),
    })
    .optional(),
  /** what data alone cannot say */
  protocol: z.enum(['DiscordGateway']).optional(),
  /** PEM certificates that the upstream is checked with instead of the public roots */
  caBundle: z.string().optional(),
});

/** limits of one credential; absent: none */
export const limits = z.strictObject({
  requestsPerMinute: z.int().positive().optional(),
  concurrentRequests: z.int().positive().optional(),
  tokensPerDay: z.int().positive().optional(),
  /** decimal text */
  usdPerDay: z.string().optional(),
});

export type RouteRule = z.infer<typeof routeRule>;
export type Upstream = z.infer<typeof upstream>;
export type Placement = z.infer<typeof placement>;
export type InterceptMode = z.infer<typeof interceptMode>;
export type PathAlias = z.infer<typeof pathAlias>;
export type RewriteRules = z.infer<typeof rewriteRules>;
export type UsageFormat = z.infer<typeof usageFormat>;
export type ModelPrice = z.infer<typeof modelPrice>;
export type Limits = z.infer<typeof limits>;
export type ProviderSpec = z.infer<typeof providerSpec>;
/** a provider under its name, wherever it came from */
export interface Provider {
  name: string;
  spec: ProviderSpec;
}
