// Generated from crds/manifests/seksproviders.yaml by `npm run generate`; change that, not this.
import type { ObjectMeta } from '../object-meta.ts';

/** How one API wants its credential. A SeksProvider with the name of a built-in provider replaces it. */
export interface SeksProvider {
  apiVersion: 'seks.ai/v1alpha1';
  kind: 'SeksProvider';
  metadata: ObjectMeta;
  /** Where requests go, where the key goes, and what is allowed. */
  spec: SeksProviderSpec;
}

/** Where requests go, where the key goes, and what is allowed. */
export interface SeksProviderSpec {
  /** Name for people. */
  displayName?: string;
  /** The API's host. Requests go there whatever the agent asks for. */
  upstreams: Array<{
    /** DNS name; TLS is always used and always verified against it. */
    host: string;
    /** TCP port. Defaults to 443. */
    port?: number;
    /**
     * Public refuses names that resolve to private addresses. Private allows them; loopback, link-local and
     * cloud metadata addresses stay refused. Defaults to Public.
     */
    network?: 'Public' | 'Private';
  }>;
  /**
   * Where the credential may stand in a request. The fake token is replaced where it was found; it is never
   * moved.
   */
  auth: Array<{
    /** A request header. */
    header: {
      /** Header name in lower case. */
      name: string;
      /** Authentication scheme before the token, e.g. Bearer. Omitted means the token stands alone. */
      scheme?: string;
    };
  }>;
  /** Variables that the provider's SDKs read. */
  env: {
    /** Variables that get the fake token. */
    key: string[];
    /** Variables that get the sidecar's base URL. */
    baseUrl?: string[];
    /** Path at the end of the base URL that the SDKs expect, e.g. /v1. */
    baseUrlPath?: string;
    /** Further variables with fixed values, e.g. to turn an SDK's tracing off. */
    constants?: Array<{
      name: string;
      value: string;
    }>;
  };
  /**
   * Shape of the fake tokens, so that SDKs accept them. {token}, or {token:N} for N characters, stands for
   * the random part, e.g. sk-proj-{token}.
   */
  fakeToken: string;
  /** Routes that agents may call unless their binding says otherwise. Omitted means all that are not denied. */
  allow?: Array<{
    /** HTTP methods. Omitted means every method. */
    methods?: Array<'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'>;
    /** Upstream paths. * stands for anything within a segment, ** for anything across segments. */
    paths: string[];
  }>;
  /** Routes that nobody may call, e.g. those that make or show API keys. Beats every allow rule. */
  deny?: Array<{
    /** HTTP methods. Omitted means every method. */
    methods?: Array<'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'>;
    /** Upstream paths. * stands for anything within a segment, ** for anything across segments. */
    paths: string[];
  }>;
  /** How the API reports tokens; omitted means that it does not. */
  usage?: {
    /** Shape of the usage object in JSON answers and in event streams. */
    format: 'OpenAI' | 'Anthropic';
  };
  /** PEM certificates to check the upstream with instead of the public roots. */
  caBundle?: string;
}
