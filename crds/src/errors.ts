// The error catalogue: one list drives HTTP answers, metric labels, condition reasons, events and docs/errors.md.

export interface ErrorSpec {
  /** HTTP status of an answer that carries this code */
  status: number;
  /** whether the same request may succeed later without anyone changing anything */
  retry: boolean;
  /** where the error shows first */
  area: 'request' | 'binding' | 'sealed' | 'lease' | 'injection' | 'upstream' | 'internal';
  /** what went wrong, one sentence */
  summary: string;
  /** what to do, one sentence */
  hint: string;
}

export const ERRORS = {
  // request: the agent's request itself
  SEKS_REQUEST_MALFORMED: {
    status: 400,
    retry: false,
    area: 'request',
    summary: 'The request is ambiguous or malformed and was not forwarded.',
    hint: 'Send a plain HTTP/1.1 request with one Host, one body framing and a normalised path.',
  },
  SEKS_HEAD_TIMEOUT: {
    status: 408,
    retry: false,
    area: 'request',
    summary: 'The head of the request did not arrive in time.',
    hint: 'Send the request line and all headers at once.',
  },
  SEKS_HOST_REFUSED: {
    status: 421,
    retry: false,
    area: 'request',
    summary: 'The request names another host than this sidecar.',
    hint: 'Use the base URL from the environment; the sidecar alone decides which upstream is called.',
  },
  SEKS_METHOD_REFUSED: {
    status: 405,
    retry: false,
    area: 'request',
    summary: 'The method is never forwarded.',
    hint: 'TRACE is refused, and CONNECT unless the binding chooses intercept mode Proxy.',
  },
  SEKS_EXPECT_REFUSED: {
    status: 417,
    retry: false,
    area: 'request',
    summary: 'The Expect header has a value other than 100-continue.',
    hint: 'Remove the Expect header.',
  },
  SEKS_UPGRADE_REFUSED: {
    status: 501,
    retry: false,
    area: 'request',
    summary: 'Only upgrades to WebSocket are forwarded.',
    hint: 'Use WebSocket (RFC 6455) or the HTTP form of the API.',
  },
  SEKS_PROXY_HOST_REFUSED: {
    status: 403,
    retry: false,
    area: 'request',
    summary: "The proxy connects to the hosts of this pod's providers only.",
    hint: 'Add other hosts to NO_PROXY in the container.',
  },
  SEKS_BODY_TOO_LARGE: {
    status: 413,
    retry: false,
    area: 'request',
    summary: 'The body is larger than what can be checked before it is forwarded.',
    hint: 'Send less than 16 MiB, or remove models, tokensPerDay and usdPerDay from the binding.',
  },
  SEKS_MESSAGE_TOO_LARGE: {
    status: 413,
    retry: false,
    area: 'request',
    summary: 'A WebSocket message is longer than what can be relayed.',
    hint: 'Send it in smaller messages.',
  },
  SEKS_BODY_POOL_FULL: {
    status: 503,
    retry: true,
    area: 'request',
    summary: 'Too many large bodies or WebSocket messages are held at the same time.',
    hint: 'Try again; send fewer large requests or messages in parallel.',
  },
  SEKS_BODY_TIMEOUT: {
    status: 408,
    retry: false,
    area: 'request',
    summary: 'The body did not arrive in time.',
    hint: 'Send the body without pauses.',
  },
  SEKS_BODY_MALFORMED: {
    status: 400,
    retry: false,
    area: 'request',
    summary: 'The body can not be checked: it is not one plain JSON object or form.',
    hint: 'Send UTF-8 JSON without duplicate members and without Content-Encoding.',
  },
  SEKS_MODEL_MISSING: {
    status: 400,
    retry: false,
    area: 'request',
    summary: 'The request names no model, or more than one.',
    hint: 'Name the model once; the binding limits which models may be used.',
  },
  SEKS_MODEL_DENIED: {
    status: 403,
    retry: false,
    area: 'request',
    summary: 'The binding does not allow this model.',
    hint: 'Use another model, or add it to models of the credential in the SeksBinding.',
  },
  SEKS_MODEL_UNPRICED: {
    status: 403,
    retry: false,
    area: 'request',
    summary: 'The model has no price, so usdPerDay could not be kept.',
    hint: 'Use a priced model, add a price to the SeksProvider, or limit tokensPerDay instead.',
  },
  SEKS_URL_NOT_ISSUED: {
    status: 403,
    retry: false,
    area: 'request',
    summary: 'The address does not come from an answer of the provider in this pod.',
    hint: 'Follow the URL as it was given, without changes.',
  },
  SEKS_LIMIT_REQUESTS: {
    status: 429,
    retry: true,
    area: 'request',
    summary: "The credential's requestsPerMinute are used up.",
    hint: 'Wait as retry-after says, or raise the limit in the SeksBinding.',
  },
  SEKS_LIMIT_CONCURRENCY: {
    status: 429,
    retry: true,
    area: 'request',
    summary: "The credential's concurrentRequests are in use.",
    hint: 'Wait for a request to end, or raise the limit in the SeksBinding.',
  },
  SEKS_LIMIT_TOKENS: {
    status: 429,
    retry: true,
    area: 'request',
    summary: "The credential's tokensPerDay are used up.",
    hint: 'Wait as retry-after says, or raise the limit in the SeksBinding.',
  },
  SEKS_LIMIT_COST: {
    status: 429,
    retry: true,
    area: 'request',
    summary: "The credential's usdPerDay is used up.",
    hint: 'Wait as retry-after says, or raise the limit in the SeksBinding.',
  },
  SEKS_IDENTIFY_BUDGET: {
    status: 429,
    retry: true,
    area: 'request',
    summary: 'Too many gateway logins: the provider would reset the bot token after more of them.',
    hint: 'Find out why the bot logs in so often; resuming a session costs nothing.',
  },
  SEKS_ROUTE_UNKNOWN: {
    status: 404,
    retry: false,
    area: 'request',
    summary: 'No credential of this pod belongs to this path.',
    hint: 'Use the base URL from the environment; it starts with the provider name.',
  },
  SEKS_ROUTE_DENIED: {
    status: 403,
    retry: false,
    area: 'request',
    summary: 'The policy does not allow this method and path.',
    hint: 'Add the route to spec.credentials[].allow of the SeksBinding, unless the provider denies it.',
  },
  SEKS_TOKEN_MISSING: {
    status: 401,
    retry: false,
    area: 'request',
    summary: 'The request carries no credential.',
    hint: 'Let the SDK read the key from the environment variable that the binding sets.',
  },
  SEKS_TOKEN_AMBIGUOUS: {
    status: 401,
    retry: false,
    area: 'request',
    summary: 'The request carries more than one credential.',
    hint: 'Send the token once, in one header.',
  },
  SEKS_TOKEN_UNKNOWN: {
    status: 401,
    retry: false,
    area: 'request',
    summary: 'The credential is not a token of this pod.',
    hint: 'Use the token from the environment; keys of your own are not forwarded.',
  },
  SEKS_TOKEN_FOREIGN: {
    status: 403,
    retry: false,
    area: 'request',
    summary: 'The token was made for another pod.',
    hint: 'Find out how a token of another pod came here; each pod gets its own.',
  },
  SEKS_TOKEN_WRONG_PROVIDER: {
    status: 403,
    retry: false,
    area: 'request',
    summary: 'The token belongs to another provider than the path.',
    hint: 'Pair each base URL with the token of the same provider.',
  },
  SEKS_CREDENTIAL_FOREIGN: {
    status: 403,
    retry: false,
    area: 'request',
    summary: 'The request carries a credential-shaped header or parameter besides its token.',
    hint: 'Remove the other credential; only the token from the environment is accepted.',
  },

  // binding: what the SeksBinding says
  SEKS_BINDING_SUSPENDED: {
    status: 403,
    retry: false,
    area: 'binding',
    summary: 'The SeksBinding is suspended.',
    hint: 'Set spec.suspend to false when the agent may work again.',
  },
  SEKS_BINDING_EXPIRED: {
    status: 403,
    retry: false,
    area: 'binding',
    summary: 'The SeksBinding has expired.',
    hint: 'Set spec.expiresAt to a later time.',
  },
  SEKS_BINDING_DELETED: {
    status: 403,
    retry: false,
    area: 'binding',
    summary: 'The SeksBinding no longer exists.',
    hint: 'Create the SeksBinding again and restart the pod.',
  },
  SEKS_BINDING_NOT_SELECTING: {
    status: 403,
    retry: false,
    area: 'binding',
    summary: 'The SeksBinding no longer selects this pod.',
    hint: 'Compare spec.podSelector and spec.serviceAccountName with the pod.',
  },
  SEKS_CREDENTIAL_REMOVED: {
    status: 403,
    retry: false,
    area: 'binding',
    summary: 'The SeksBinding no longer has this credential for this container, provider or source.',
    hint: 'Restart the pod so that it is injected with the current binding.',
  },
  SEKS_PROVIDER_UNKNOWN: {
    status: 403,
    retry: false,
    area: 'binding',
    summary: 'The provider is neither built in nor a SeksProvider.',
    hint: 'Correct spec.credentials[].provider, or apply a SeksProvider of that name.',
  },
  SEKS_LIMIT_UNENFORCEABLE: {
    status: 409,
    retry: false,
    area: 'binding',
    summary: 'The provider gives no means to keep a limit of the binding.',
    hint: 'Remove the limit, or add usage, prices or modelFrom to the SeksProvider.',
  },
  SEKS_PARAMETER_INVALID: {
    status: 409,
    retry: false,
    area: 'binding',
    summary: "The binding does not give the provider's parameters as they are needed.",
    hint: 'Correct parameters of the credential in the SeksBinding.',
  },
  SEKS_PROVIDER_INVALID: {
    status: 403,
    retry: false,
    area: 'binding',
    summary: 'The SeksProvider has a field that this version cannot use.',
    hint: 'Read the message for the field and correct the SeksProvider.',
  },

  // sealed: the sealed Secret
  SEKS_SECRET_MISSING: {
    status: 503,
    retry: true,
    area: 'sealed',
    summary: 'No source of the credential has a Secret with the named key.',
    hint: 'Create the sealed Secret in the namespace of the pod; running pods pick it up.',
  },
  SEKS_SECRET_NOT_SEALED: {
    status: 503,
    retry: true,
    area: 'sealed',
    summary: 'The Secret value is not a seks.v1 envelope.',
    hint: 'Seal the key with kubectl seks seal and rotate the plain one: it has been readable.',
  },
  SEKS_SEAL_MALFORMED: {
    status: 503,
    retry: true,
    area: 'sealed',
    summary: 'The envelope is truncated or its header is not what seks.v1 says.',
    hint: 'Seal the key again; check that the Secret was not edited or cut.',
  },
  SEKS_SEAL_VERSION_UNKNOWN: {
    status: 503,
    retry: true,
    area: 'sealed',
    summary: 'The envelope has a type or critical parameter that this version does not know.',
    hint: 'Update SEKS, or seal the key again with the version that runs in the cluster.',
  },
  SEKS_SEAL_WRONG_NAMESPACE: {
    status: 503,
    retry: true,
    area: 'sealed',
    summary: 'The envelope was sealed for another namespace.',
    hint: 'Seal the key again with the namespace of this Secret.',
  },
  SEKS_SEAL_WRONG_SECRET: {
    status: 503,
    retry: true,
    area: 'sealed',
    summary: 'The envelope was sealed for a Secret of another name.',
    hint: 'Seal the key again with this Secret name, or use scope namespace.',
  },
  SEKS_SEAL_WRONG_KEY: {
    status: 503,
    retry: true,
    area: 'sealed',
    summary: 'The envelope was sealed for another key of the Secret.',
    hint: 'Seal the key again with this key name, or use scope namespace.',
  },
  SEKS_SEAL_WRONG_PROVIDER: {
    status: 503,
    retry: true,
    area: 'sealed',
    summary: 'The envelope was sealed for another provider.',
    hint: 'Point the credential at the right Secret; a key is sealed for one provider only.',
  },
  SEKS_SEAL_KMS_KEY_UNKNOWN: {
    status: 503,
    retry: true,
    area: 'sealed',
    summary: 'No KMS key that wrapped this envelope is configured in the key service.',
    hint: 'Seal with a KMS key of this cluster, or add the key id to the chart value kms.',
  },
  SEKS_SEAL_UNWRAP_REFUSED: {
    status: 503,
    retry: true,
    area: 'sealed',
    summary: 'The KMS refused to unwrap the data key in this context.',
    hint: 'Seal the key again; if that fails, check the KMS key policy.',
  },
  SEKS_SEAL_COMMITMENT_MISMATCH: {
    status: 503,
    retry: true,
    area: 'sealed',
    summary: 'The data key is not the one that the envelope commits to.',
    hint: 'Seal the key again; the wrapped data keys of this envelope were exchanged.',
  },
  SEKS_SEAL_CORRUPT: {
    status: 503,
    retry: true,
    area: 'sealed',
    summary: 'The ciphertext does not match its authentication tag.',
    hint: 'Seal the key again; the envelope was changed after sealing.',
  },
  SEKS_SEAL_WRAP_REFUSED: {
    status: 403,
    retry: false,
    area: 'sealed',
    summary: 'The KMS refused to make or wrap a data key in this context.',
    hint: 'Check that the key exists, is enabled and that you may call kms:GenerateDataKey and kms:Encrypt.',
  },

  // lease: sidecar and key service
  SEKS_LEASE_TOKEN_INVALID: {
    status: 401,
    retry: true,
    area: 'lease',
    summary: 'The key service does not accept the pod token.',
    hint: 'Check that the pod still exists and that the token has the audience seks-keyservice.',
  },
  SEKS_LEASE_POD_UNKNOWN: {
    status: 403,
    retry: true,
    area: 'lease',
    summary: 'The key service does not know the pod.',
    hint: 'Check that the pod is alive, has the label seks.ai/injected and that its namespace is opted in.',
  },
  SEKS_LEASE_POD_TERMINATING: {
    status: 403,
    retry: false,
    area: 'lease',
    summary: 'The pod is being deleted.',
    hint: 'Nothing to do; the pod that replaces it gets its own lease.',
  },
  SEKS_LEASE_POD_NOT_SEALED: {
    status: 403,
    retry: false,
    area: 'lease',
    summary: 'The pod is not as the webhook injected it.',
    hint: 'Delete the pod and let the webhook inject it; read the message for the field that differs.',
  },
  SEKS_LEASE_REQUEST_INVALID: {
    status: 400,
    retry: false,
    area: 'lease',
    summary: 'The lease request does not follow the protocol.',
    hint: 'Use the sidecar image of the same release as the key service.',
  },
  SEKS_LEASE_ID_INVALID: {
    status: 403,
    retry: true,
    area: 'lease',
    summary: 'The lease id is forged, expired or of another pod.',
    hint: 'Ask for a new lease.',
  },
  SEKS_LEASE_RATE_LIMITED: {
    status: 429,
    retry: true,
    area: 'lease',
    summary: 'The pod asks for leases too often.',
    hint: 'Wait; a pod that restarts in a loop runs into this.',
  },
  SEKS_LEASE_FEATURE_MISSING: {
    status: 503,
    retry: false,
    area: 'lease',
    summary: 'The policy needs a feature that this sidecar does not have.',
    hint: 'Restart the pod so that it gets the current sidecar image.',
  },
  SEKS_LEASE_EXPIRED: {
    status: 503,
    retry: true,
    area: 'lease',
    summary: 'The lease ran out and the key service could not be reached for a new one.',
    hint: 'Check the seks-keyservice pods and the network between them and this pod.',
  },
  SEKS_KEYSERVICE_UNREACHABLE: {
    status: 503,
    retry: true,
    area: 'lease',
    summary: 'The key service cannot be reached.',
    hint: 'Check the seks-keyservice pods, its Service, DNS and network policies.',
  },
  SEKS_KEYSERVICE_NOT_READY: {
    status: 503,
    retry: true,
    area: 'lease',
    summary: 'The key service has not read the cluster state yet.',
    hint: 'Wait for seks-keyservice to become ready; read its log if it does not.',
  },
  SEKS_KMS_UNAVAILABLE: {
    status: 503,
    retry: true,
    area: 'lease',
    summary: 'The KMS cannot be reached or throttles.',
    hint: 'Check the KMS endpoint, its credentials and its quota.',
  },

  // injection: admission of pods
  SEKS_INJECT_NO_BINDING: {
    status: 403,
    retry: true,
    area: 'injection',
    summary: 'The pod asks for injection but no SeksBinding selects it.',
    hint: 'Apply a SeksBinding that selects the pod; its controller will try again by itself.',
  },
  SEKS_INJECT_SIDECAR_EXISTS: {
    status: 403,
    retry: false,
    area: 'injection',
    summary: 'The pod already has a container named seks-proxy that this webhook did not make.',
    hint: 'Remove or rename that container.',
  },
  SEKS_INJECT_RESERVED_NAME: {
    status: 403,
    retry: false,
    area: 'injection',
    summary: 'The pod uses a name that is reserved for the sidecar.',
    hint: 'Rename the volume, label or annotation that the message names.',
  },
  SEKS_INJECT_SEAL_STALE: {
    status: 403,
    retry: false,
    area: 'injection',
    summary: 'The pod carries an injection seal that is too old, altered or of another pod.',
    hint: 'Remove the seks-proxy container, its volumes and the annotation seks.ai/injection-seal.',
  },
  SEKS_INJECT_ENV_CONFLICT: {
    status: 403,
    retry: false,
    area: 'injection',
    summary: 'Two credentials claim the same environment variable in one container.',
    hint: 'Give one of them other names in spec.credentials[].env, or limit it with containers.',
  },
  SEKS_INJECT_ENV_VALUE_FROM: {
    status: 403,
    retry: false,
    area: 'injection',
    summary: 'The container takes a variable that a binding sets from somewhere else.',
    hint: 'Remove the valueFrom entry that the message names; the binding sets the variable.',
  },
  SEKS_INJECT_SECRET_EXPOSED: {
    status: 403,
    retry: false,
    area: 'injection',
    summary: 'A container other than the sidecar mounts or references a Secret of the binding.',
    hint: 'Remove the volume, env or envFrom reference that the message names.',
  },
  SEKS_INJECT_TOKEN_EXPOSED: {
    status: 403,
    retry: false,
    area: 'injection',
    summary: 'A container other than the sidecar mounts a token with an audience of SEKS.',
    hint: 'Remove the projected token volume that the message names.',
  },
  SEKS_INJECT_ISOLATION: {
    status: 403,
    retry: false,
    area: 'injection',
    summary: 'The pod shares a namespace, a user id or the host in a way that would expose the sidecar.',
    hint: 'Remove the field that the message names.',
  },
  SEKS_INJECT_INTERCEPT_CONFLICT: {
    status: 403,
    retry: false,
    area: 'injection',
    summary: 'The pod has settings of its own where hosts are to be pointed to the sidecar.',
    hint: 'Remove the host alias or sysctl, or choose another intercept mode in the SeksBinding.',
  },
  SEKS_INJECT_NOT_READY: {
    status: 503,
    retry: true,
    area: 'injection',
    summary: 'The webhook has not read the cluster state yet.',
    hint: 'Wait for seks-operator to become ready; the pod is tried again by its controller.',
  },

  // upstream: the provider's side
  SEKS_UPSTREAM_UNREACHABLE: {
    status: 502,
    retry: true,
    area: 'upstream',
    summary: 'The provider cannot be reached.',
    hint: 'Check DNS and egress from the pod to the provider.',
  },
  SEKS_UPSTREAM_TLS: {
    status: 502,
    retry: false,
    area: 'upstream',
    summary: 'The provider presents a certificate that is not trusted for its name.',
    hint: 'Check for a proxy in between; set caBundle in the SeksProvider for a private CA.',
  },
  SEKS_UPSTREAM_ADDRESS_REFUSED: {
    status: 502,
    retry: false,
    area: 'upstream',
    summary: 'The provider name resolves to an address that may not be called.',
    hint: 'Check DNS; for a private provider set network: Private in the SeksProvider.',
  },
  SEKS_UPSTREAM_TIMEOUT: {
    status: 504,
    retry: true,
    area: 'upstream',
    summary: 'The provider was silent for too long.',
    hint: 'Try again, or use streaming for long answers.',
  },
  SEKS_UPSTREAM_ENCODING: {
    status: 502,
    retry: false,
    area: 'upstream',
    summary:
      'The provider answered in a compressed form although none was asked for, so it could not be scrubbed.',
    hint: 'Report the provider and path; identity encoding is required.',
  },
  SEKS_UPSTREAM_BREAKER_OPEN: {
    status: 503,
    retry: true,
    area: 'upstream',
    summary: 'The provider has refused the key several times, so requests are held back for a while.',
    hint: 'Check whether the key was revoked at the provider, and seal a new one.',
  },
  SEKS_UPSTREAM_KEY_REFUSED: {
    status: 401,
    retry: false,
    area: 'upstream',
    summary: 'The provider refused the key.',
    hint: 'Check whether the key was revoked at the provider, and seal a new one.',
  },
  SEKS_UPSTREAM_ANSWER_TOO_LARGE: {
    status: 502,
    retry: false,
    area: 'upstream',
    summary: 'The answer is too large to be read whole, as errors and URLs to rewrite need it.',
    hint: 'Ask for less at once, e.g. a smaller page.',
  },
  SEKS_UPSTREAM_ANSWER_POOL_FULL: {
    status: 502,
    // The provider has carried the request out.
    retry: false,
    area: 'upstream',
    summary:
      'Too many answers that have to be read whole, as errors and URLs to rewrite need it, are held at the same time.',
    hint: 'Read answers as they come, and ask for fewer at once.',
  },

  // internal
  SEKS_SHUTTING_DOWN: {
    status: 503,
    retry: true,
    area: 'internal',
    summary: 'The sidecar is shutting down.',
    hint: 'Nothing to do; the pod is ending.',
  },
  SEKS_CONFIG_INVALID: {
    status: 500,
    retry: false,
    area: 'internal',
    summary: 'The configuration of the process is not valid.',
    hint: 'Read the message for the setting and correct it.',
  },
  SEKS_INTERNAL: {
    status: 500,
    retry: false,
    area: 'internal',
    summary: 'An unexpected error happened; nothing was forwarded.',
    hint: 'Look for the request id in the log of the component and report it.',
  },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

export const ERROR_CODES = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** condition and event reason of a code: `SEKS_BINDING_SUSPENDED` is `BindingSuspended` */
export function reasonOf(code: ErrorCode): string {
  return code
    .slice('SEKS_'.length)
    .split('_')
    .map((word) => word.charAt(0) + word.slice(1).toLowerCase())
    .join('');
}

/** body of every error answer; SDKs of OpenAI and Anthropic both show `error.message` */
export interface ErrorBody {
  type: 'error';
  error: { type: 'seks_error'; code: ErrorCode; message: string; hint: string };
}

/** an error of the catalogue; `message` is the summary and, where given, one sentence of detail */
export class SeksError extends Error {
  override readonly name = 'SeksError';
  readonly code: ErrorCode;
  /** when the same request may succeed, if that is known, in `ms` from now */
  readonly retryAfterMs: number | undefined;

  /** `detail` names objects and fields, never request data or secrets: it is shown to the agent */
  constructor(code: ErrorCode, detail?: string, options?: { cause?: unknown; retryAfterMs?: number }) {
    super(detail === undefined ? ERRORS[code].summary : `${ERRORS[code].summary} ${detail}`, options);
    this.code = code;
    this.retryAfterMs = options?.retryAfterMs;
  }

  get spec(): ErrorSpec {
    return ERRORS[this.code];
  }

  toBody(): ErrorBody {
    return {
      type: 'error',
      error: {
        type: 'seks_error',
        code: this.code,
        message: `${this.code}: ${this.message} ${this.spec.hint}`,
        hint: this.spec.hint,
      },
    };
  }
}

/** the error itself if it is ours, else `SEKS_INTERNAL` with the cause kept */
export function toSeksError(cause: unknown): SeksError {
  return cause instanceof SeksError ? cause : new SeksError('SEKS_INTERNAL', undefined, { cause });
}
