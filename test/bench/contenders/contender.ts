// The form of all contenders: something that answers in the provider's place, and how it is started.
import type { Progress } from '../../cluster/progress.ts';
import type { Child } from '../child.ts';
import type { Endpoint, Lane } from '../target.ts';

/** where contenders run */
export interface Stage {
  lane: Lane;
  /** of this contender alone, for configuration and state; is removed afterwards */
  folder: string;
  /** where peers are installed, and kept */
  peersDir: string;
  /** false: a peer that is not there is not run */
  mayInstall: boolean;
  /** core to run on */
  cores: string | undefined;
  upstream: UpstreamAddress;
  /** the provider key, in plain text: it is not a real one */
  key: string;
  progress: Progress;
}

export interface UpstreamAddress {
  /** of the lane */
  port: number;
  /** a name that the certificate holds, besides `localhost` */
  host: string;
  /** PEM */
  ca: string;
  caFile: string;
}

/** a contender that runs */
export interface Started {
  /** as the report names it */
  version: string;
  endpoint: Endpoint;
  webSocket?: Endpoint;
  interception?: Endpoint;
  /** left out: there is no process */
  child?: Child;
}

export interface Contender {
  name: string;
  /** what it is, in a few words */
  about: string;
  lanes: readonly Lane[];
  /** a variant of another one, measured in few scenarios */
  variant?: boolean;
  /** @throws Error with the reason why it cannot run here */
  start(stage: Stage): Promise<Started>;
}

/** the route that all scenarios ask for */
export const ROUTE = '/v1/chat/completions';
/** the route of WebSockets */
export const WEB_SOCKET_ROUTE = '/v1/realtime?model=gpt-bench';
/** what clients send where a contender has a format of its own for virtual keys */
export const FAKE_TOKEN = 'bench-virtual-key-0123456789abcdef';

/** `https://localhost:1234` or `http://127.0.0.1:1234` */
export function upstreamOrigin({ lane, upstream }: Pick<Stage, 'lane' | 'upstream'>): string {
  return lane === 'tls' ? `https://localhost:${upstream.port}` : `http://127.0.0.1:${upstream.port}`;
}
