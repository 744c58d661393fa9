// Relays one WebSocket between the agent and the provider: how it opens and how it ends; open-sides.ts passes the messages. The
// provider is connected to first, so that its refusal reaches the SDK as the HTTP answer that it understands.
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import { type ErrorCode, SeksError, toSeksError } from '@seks/crds';
import { type ClientOptions, type ServerOptions, WebSocket, WebSocketServer } from 'ws';

import { codeOf, toUpstreamError } from '../forward/upstream-error.ts';
import {
  CLOSE_BROKEN,
  CLOSE_GOING_AWAY,
  CLOSE_SERVER_ERROR,
  CLOSE_TOO_BIG,
  closeAlike,
  closeOf,
  codeOfViolation,
} from './close-codes.ts';
import { OpenSides, type Side } from './open-sides.ts';
import { readRefusedUpgrade } from './refused-upgrade.ts';
import { memoryFull } from './relay-memory.ts';
import type { Relay, RelayOptions } from './relay-options.ts';
import { type WaitingAgent, watchAgent } from './waiting-agent.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;
/** OpenAI takes 15 MiB of sound in one message, which are 20 in base64 */
const MAX_MESSAGE_BYTES = 25_165_824;
const MAX_ERROR_BODY_BYTES = 262_144;
/** S12: so long a revoked agent has to read the reason */
const CUT_GRACE_MS = 500;
const NO_REASON = Buffer.alloc(0);

/** starts to connect; everything else is told by the callbacks, none of which is called before this returns */
export function startRelay(options: RelayOptions): Relay {
  const relay = new RunningRelay(options);
  relay.connect();
  return relay;
}

/** a connection that `ws` does not compress and whose pings are left to us */
type PlainOptions = Pick<
  ClientOptions & ServerOptions,
  'perMessageDeflate' | 'autoPong' | 'maxPayload' | 'skipUTF8Validation'
>;

class RunningRelay implements Relay {
  readonly #options: RelayOptions;
  readonly #waiting: WaitingAgent;
  readonly #plain: PlainOptions;
  readonly #timers = new Set<() => void>();
  #upstream: WebSocket | undefined;
  #upstreamSocket: Duplex | undefined;
  /** whether the provider named a sub-protocol itself */
  #protocolNamed = false;
  #sides: OpenSides | undefined;
  #sidesClosed = 0;
  #code: number | undefined;
  #overflowed = false;
  #failed = false;
  #ended = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#plain = {
      perMessageDeflate: false,
      autoPong: false,
      maxPayload: options.maxMessageBytes ?? MAX_MESSAGE_BYTES,
      skipUTF8Validation: false,
    };
    this.#waiting = watchAgent(options.socket, options.head, () => this.#abandon());
  }

  connect(): void {
    const { handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS } = this.#options;
    this.#after(handshakeTimeoutMs, () => this.#abandon(new SeksError('SEKS_UPSTREAM_TIMEOUT')));
    let upstream: WebSocket;
    try {
      upstream = this.#dial();
    } catch (cause) {
      // An address that may not be dialled, or headers that cannot be sent. The caller does not have its Relay yet.
      queueMicrotask(() => this.#abandon(connectError(cause)));
      return;
    }
    this.#upstream = upstream;
    upstream.on('upgrade', (response) => {
      this.#upstreamSocket = response.socket;
      this.#acceptSilence(response);
    });
    upstream.on('unexpected-response', (request, response) => this.#refuse(request, response));
    upstream.on('open', () => this.#open(upstream));
    // Stays for good: an error without a listener would end the process.
    upstream.on('error', (cause) => this.#upstreamError(cause));
    upstream.on('close', (code, reason) => this.#upstreamClosed(code, reason));
  }

  cut(code: ErrorCode): void {
    const error = new SeksError(code);
    const sides = this.#sides;
    if (sides === undefined) {
      this.#abandon(error);
      return;
    }
    this.#tellFailure(error);
    sides.upstream.terminate();
    this.#closeAgent(sides, error);
    this.#after(CUT_GRACE_MS, () => sides.agent.terminate());
  }

  #dial(): WebSocket {
    const { url, headers, protocols, agent } = this.#options.upstream;
    if (url.protocol !== 'wss:') throw new SeksError('SEKS_INTERNAL', 'The provider is not called over TLS.');
    return new WebSocket(url, [...protocols], { ...this.#plain, headers, agent, followRedirects: false });
  }

  // RFC 6455 §4.1 allows a server to choose no sub-protocol, and clients that do not mind go on. `ws` does mind, so it is
  // shown one; the agent is told the truth and decides for itself.
  #acceptSilence(response: IncomingMessage): void {
    this.#protocolNamed = response.headers['sec-websocket-protocol'] !== undefined;
    const [first] = this.#options.upstream.protocols;
    if (!this.#protocolNamed && first !== undefined) response.headers['sec-websocket-protocol'] = first;
  }

  #refuse(request: ClientRequest, response: IncomingMessage): void {
    readRefusedUpgrade(response, this.#options.maxErrorBodyBytes ?? MAX_ERROR_BODY_BYTES, (answer, cause) => {
      if (this.#ended) return;
      if (answer === undefined) {
        this.#abandon(connectError(cause));
        return;
      }
      if (answer.truncated) request.destroy();
      this.#waiting.release();
      this.#options.refused(answer);
      this.#finish(CLOSE_BROKEN);
    });
  }

  #open(upstream: WebSocket): void {
    if (this.#ended) {
      upstream.terminate();
      return;
    }
    this.#cancelTimers();
    const { request, socket, chooseProtocol, opened } = this.#options;
    const server = new WebSocketServer({
      ...this.#plain,
      noServer: true,
      clientTracking: false,
      handleProtocols: () => chooseProtocol(this.#protocolNamed ? upstream.protocol : ''),
    });
    server.on('wsClientError', () => this.#abandon(new SeksError('SEKS_REQUEST_MALFORMED')));
    server.handleUpgrade(request, socket, this.#waiting.release(), (agent) => this.#join(agent, upstream));
    if (this.#sides === undefined) {
      // The agent hung up in this very moment.
      this.#abandon();
      return;
    }
    opened();
    // It was paused while it waited.
    this.#sides.agent.resume();
  }

  #join(agent: WebSocket, upstream: WebSocket): void {
    this.#sides = new OpenSides({
      agent,
      upstream,
      sockets: { agent: this.#options.socket, upstream: this.#upstreamSocket },
      settings: this.#options,
      broken: (cause) => this.#fail(toSeksError(cause)),
      overflow: (offender) => this.#overflow(offender),
      idle: () => this.#fail(new SeksError('SEKS_UPSTREAM_TIMEOUT', 'The WebSocket was idle.')),
    });
    agent.on('error', (cause) => this.#agentError(cause));
    agent.on('close', (code, reason) => this.#agentClosed(code, reason));
  }

  #agentClosed(code: number, reason: Buffer): void {
    this.#closeOther(code, reason, 'upstream');
  }

  #upstreamClosed(code: number, reason: Buffer): void {
    if (this.#sides === undefined) {
      // After an error, which has said more.
      this.#abandon(connectError(undefined));
      return;
    }
    this.#closeOther(code, this.#sides.toClient.control(reason) ?? NO_REASON, 'agent');
  }

  #closeOther(code: number, reason: Buffer, other: Side): void {
    const sides = this.#sides;
    if (sides === undefined) return;
    this.#sidesClosed += 1;
    if (this.#code === undefined) {
      this.#code = code;
      closeAlike(sides[other], code, reason);
      sides.release();
    }
    if (this.#sidesClosed === 2) this.#finish(this.#code);
  }

  #agentError(cause: Error): void {
    const code = codeOfViolation(codeOf(cause));
    const error =
      code === CLOSE_TOO_BIG
        ? new SeksError('SEKS_MESSAGE_TOO_LARGE')
        : new SeksError('SEKS_REQUEST_MALFORMED', 'A WebSocket frame is not valid.');
    this.#sides?.received.agent.stop();
    this.#violated(code, error);
  }

  #upstreamError(cause: Error): void {
    if (this.#sides === undefined) {
      this.#abandon(connectError(cause));
      return;
    }
    const code = codeOfViolation(codeOf(cause));
    const error =
      code === CLOSE_TOO_BIG
        ? new SeksError('SEKS_MESSAGE_TOO_LARGE', 'The provider sent it.')
        : new SeksError('SEKS_UPSTREAM_UNREACHABLE', 'It sent a WebSocket frame that is not valid.');
    this.#sides.received.upstream.stop();
    this.#violated(code, error);
  }

  // `ws` has told the offender with 1002, 1007 or 1009. The other side did nothing wrong, so these codes would mislead it
  // (RFC 6455 §7.4.1): to the agent we are a server that met something unexpected, 1011; to the provider, which has no use for
  // a code that is meant for servers, a client that goes away, 1001.
  #violated(code: number, error: SeksError): void {
    const sides = this.#sides;
    if (sides === undefined || this.#code !== undefined) return;
    this.#code = code;
    this.#tellFailure(error);
    const { reason } = closeOf(error);
    // Closing the offender a second time does nothing.
    sides.agent.close(CLOSE_SERVER_ERROR, reason);
    sides.upstream.close(CLOSE_GOING_AWAY);
    sides.release();
  }

  /** there is no memory left for what a side sends */
  #overflow(offender: Side): void {
    const sides = this.#sides;
    if (sides === undefined) return;
    if (this.#code === undefined) {
      const error = memoryFull();
      const { code, reason } = closeOf(error);
      this.#code = code;
      this.#tellFailure(error);
      if (offender === 'agent') {
        sides.agent.close(code, reason);
        sides.upstream.close(CLOSE_GOING_AWAY);
      } else {
        sides.agent.close(CLOSE_SERVER_ERROR, reason);
        sides.upstream.close(code);
      }
    }
    // Closing does not stop it: `ws` would keep the rest of the message, for as long as it takes to come.
    sides[offender].pause();
    if (this.#overflowed) return;
    this.#overflowed = true;
    this.#after(CUT_GRACE_MS, () => {
      sides.agent.terminate();
      sides.upstream.terminate();
    });
  }

  #fail(error: SeksError): void {
    const sides = this.#sides;
    if (sides === undefined || this.#code !== undefined) return;
    this.#tellFailure(error);
    sides.upstream.close(CLOSE_GOING_AWAY);
    this.#closeAgent(sides, error);
  }

  #closeAgent(sides: OpenSides, error: SeksError): void {
    const { code, reason } = closeOf(error);
    this.#code ??= code;
    sides.agent.close(code, reason);
    sides.release();
  }

  /** gives up before both sides were open; without an error the agent has gone */
  #abandon(error?: SeksError): void {
    if (this.#ended || this.#sides !== undefined) return;
    this.#waiting.release();
    this.#upstream?.terminate();
    if (error !== undefined) this.#tellFailure(error);
    this.#finish(CLOSE_BROKEN);
  }

  #tellFailure(error: SeksError): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#options.failed(error);
  }

  #finish(code: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelTimers();
    this.#sides?.end();
    this.#options.closed({
      code,
      messagesToUpstream: this.#sides?.toUpstream.messages ?? 0,
      messagesToClient: this.#sides?.toClient.messages ?? 0,
    });
  }

  #after(delayMs: number, run: () => void): void {
    const cancel = this.#options.scheduler.after(delayMs, () => {
      this.#timers.delete(cancel);
      run();
    });
    this.#timers.add(cancel);
  }

  #cancelTimers(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }
}

/** an error of `ws` itself has no code, or one of its own: the provider's handshake was wrong */
function connectError(cause: unknown): SeksError {
  if (codeOf(cause) !== '' || cause instanceof SeksError) return toUpstreamError(cause);
  const error = toUpstreamError(cause);
  return error.code === 'SEKS_UPSTREAM_UNREACHABLE'
    ? new SeksError('SEKS_UPSTREAM_UNREACHABLE', 'Its answer is not a WebSocket handshake.', { cause })
    : error;
}
