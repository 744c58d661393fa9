// What is measured: an address that answers as the provider does, and the process behind it.

/** how a contender reaches the upstream */
export type Lane = 'plain' | 'tls';

/** where and how a client asks */
export interface Endpoint {
  /** on the loopback interface */
  port: number;
  /** value of Host */
  host: string;
  /** left out: the client speaks plain HTTP to it */
  tls?: { servername: string; ca: string };
  /** path of the chat completion route */
  path: string;
  authorization: string;
  /** it ends the connection after each answer without saying so beforehand: the next request needs a new one */
  closesAfterAnswer?: boolean;
  /** headers that only this contender wants */
  headers?: Readonly<Record<string, string>>;
}

export interface Target {
  name: string;
  lane: Lane;
  /** a variant of another contender: takes part in few scenarios */
  variant: boolean;
  endpoint: Endpoint;
  /** left out: does not relay WebSockets */
  webSocket?: Endpoint;
  /** left out: does not terminate the client's TLS */
  interception?: Endpoint;
  /** process whose CPU time and memory count; none for the direct target */
  pid?: number;
  /** resident memory before any request, in `MiB` */
  idleMiB?: number;
}

/** the target that all others are compared with */
export const DIRECT = 'direct';
