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
  /** The API's hosts; no request goes anywhere else. The first is the one that paths without a host mean. */
  upstreams: Array<{
    /**
     * DNS name; TLS is always used and always verified against it. A leading *. stands for one label, {name}
     * for a parameter.
     */
    host: string;
    /** TCP port. Defaults to 443. */
    port?: number;
    /**
     * Public refuses names that resolve to private addresses. Private allows them; loopback, link-local and
     * cloud metadata addresses stay refused. Defaults to Public.
     */
    network?: 'Public' | 'Private';
    /**
     * Required hosts get the credential. None: the host never does, and is called only by URLs that an answer
     * of the API gave, e.g. signed downloads. Defaults to Required.
     */
    auth?: 'Required' | 'None';
  }>;
  /**
   * Parts of the hosts that a binding fills in, e.g. the resource in {resource}.openai.azure.com. Each value
   * is one DNS label.
   */
  parameters?: Array<{
    name: string;
    description?: string;
    default?: string;
  }>;
  /**
   * Where the credential may stand in a request; each entry names one place. The fake token is replaced
   * where it was found; it is never moved.
   */
  auth: Array<{
    /** A request header. */
    header?: {
      /** Header name in lower case. */
      name: string;
      /** Authentication scheme before the token, e.g. Bearer. Omitted means the token stands alone. */
      scheme?: string;
    };
    /** HTTP Basic authentication. */
    basic?: {
      /** Which of the two is the credential; the other is forwarded as it is. */
      field: 'Username' | 'Password';
    };
    /** A parameter of the query. */
    query?: {
      name: string;
    };
    /** The rest of a path segment after a prefix, e.g. /bot in /bot{token}/getMe. */
    path?: {
      prefix: string;
    };
    /** An entry of Sec-WebSocket-Protocol, after a prefix. */
    webSocketProtocol?: {
      prefix: string;
    };
    /** A string in a JSON message of a WebSocket that was opened without a credential. */
    webSocketMessage?: {
      /** Path of the member, with full stops between names, e.g. d.token. */
      field: string;
      /** Paths at which such WebSockets are opened. */
      paths: string[];
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
   * How requests come to the sidecar unless a binding says otherwise. BaseURL sets the variables in
   * env.baseUrl. HostAlias points the hosts to the sidecar in the pod's /etc/hosts. Proxy sets HTTPS_PROXY.
   * Defaults to BaseURL if env.baseUrl names a variable, else HostAlias.
   */
  intercept?: Array<'BaseURL' | 'HostAlias' | 'Proxy'>;
  /**
   * Below the base URL, a path that begins with prefix stands for another one. The first entry that fits
   * counts.
   */
  aliases?: Array<{
    prefix: string;
    /** Prefixes of paths that the entry does not change. */
    except?: string[];
    /** What the prefix is replaced with. */
    path: string;
    /** Host among the upstreams. Omitted means the first. */
    host?: string;
  }>;
  /**
   * Shape of the fake tokens, so that SDKs accept them. {token}, or {token:N} for N characters, stands for
   * the random part, e.g. sk-proj-{token}.
   */
  fakeToken: string;
  /** How real keys begin, so that what an error answer quotes of one can be masked, e.g. sk-proj-. */
  keyPrefixes?: string[];
  /** Routes that agents may call unless their binding says otherwise. Omitted means all that are not denied. */
  allow?: Array<{
    /** HTTP methods. Omitted means every method. */
    methods?: Array<'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'>;
    /** Hosts among the upstreams, as written there. Omitted means all of them. */
    hosts?: string[];
    /** Upstream paths. * stands for anything within a segment, ** for anything across segments. */
    paths: string[];
  }>;
  /** Routes that nobody may call, e.g. those that make or show API keys. Beats every allow rule. */
  deny?: Array<{
    /** HTTP methods. Omitted means every method. */
    methods?: Array<'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'>;
    /** Hosts among the upstreams, as written there. Omitted means all of them. */
    hosts?: string[];
    /** Upstream paths. * stands for anything within a segment, ** for anything across segments. */
    paths: string[];
  }>;
  /**
   * Routes whose path holds a credential of its own, e.g. an interaction's. A request to one of them may
   * come without the token; nothing is added to it. allow and deny hold for them too.
   */
  keyless?: Array<{
    /** HTTP methods. Omitted means every method. */
    methods?: Array<'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'>;
    /** Hosts among the upstreams, as written there. Omitted means all of them. */
    hosts?: string[];
    /** Upstream paths. * stands for anything within a segment, ** for anything across segments. */
    paths: string[];
  }>;
  /** What is changed in answers, so that agents come back through the sidecar. */
  rewrite?: {
    /** Response headers that hold URLs of the upstreams; location always is one. */
    headers?: string[];
    /** JSON members, at any depth, that hold URLs or hosts of the upstreams. */
    urls?: Array<{
      /** Upstream paths of the requests that are answered so. */
      paths: string[];
      /** Names of the members. */
      fields: string[];
    }>;
    /** JSON members, at any depth, that hold other credentials; they are written over. */
    redact?: Array<{
      /** Upstream paths of the requests that are answered so. */
      paths: string[];
      /** Names of the members. */
      fields: string[];
    }>;
  };
  /** Where a request names its model. Omitted means that requests name none. */
  modelFrom?: {
    /** true if the JSON body or form has a member model. */
    body?: boolean;
    /** Path globs with {model} in the place of the model. */
    paths?: string[];
  };
  /** How the API reports tokens; omitted means that it does not. */
  usage?: {
    /** Shape of the usage object in JSON answers, event streams and WebSocket messages. */
    format: 'OpenAI' | 'Anthropic' | 'Gemini' | 'Cohere' | 'Bedrock';
    /**
     * Paths whose event streams tell usage only if the request has stream_options.include_usage; it is added,
     * and what comes because of it is taken out again.
     */
    includeUsage?: string[];
  };
  /** What tokens cost, in US dollars for a million. */
  prices?: {
    /** Day on which the prices were read. */
    asOf: string;
    /** Where they were read. */
    source?: string;
    /** Prices by model; the first entry that matches counts. */
    models: Array<{
      /** Model name; * stands for anything. */
      match: string;
      input?: string;
      cachedInput?: string;
      cacheWrite?: string;
      cacheWriteHour?: string;
      output?: string;
      inputAudio?: string;
      outputAudio?: string;
      /** Prices of the whole request, the answer included, if its input is longer. */
      longPrompt?: {
        /** The longest input, in tokens, that costs the ordinary price. */
        overTokens: number;
        input?: string;
        cachedInput?: string;
        cacheWrite?: string;
        cacheWriteHour?: string;
        output?: string;
        inputAudio?: string;
        outputAudio?: string;
      };
    }>;
  };
  /** A protocol that data alone cannot describe. */
  protocol?: 'DiscordGateway';
  /** PEM certificates to check the upstream with instead of the public roots. */
  caBundle?: string;
}
