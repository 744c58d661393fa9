// The HTTP face of the key service: POST /v1/leases and GET /v1/leases/{id}/events, nothing else. There is no endpoint that
// decrypts, re-encrypts or verifies anything for a caller (S8).
import { ERRORS, Secret, SeksError, toSeksError } from '@seks/crds';
import express from 'express';
import type { Express, NextFunction, Request, Response } from 'express';
import type { Logger } from 'pino';

import type { LeaseService } from './lease-service.ts';
import type { LeaseStreams, StreamOutput } from './lease-streams.ts';

export interface KeyserviceAppDeps {
  service: LeaseService;
  streams: Pick<LeaseStreams, 'open'>;
  log: Logger;
  /** one answered lease request; the code is empty for a granted lease */
  observeRequest: (code: string) => void;
}

/** 32 credentials of 8 sources each, with headers of ordinary size, need a tenth of that */
const MAX_BODY = '2mb';
/** bytes that a sidecar may leave unread before it counts as gone */
const MAX_UNREAD_BYTES = 256 * 1024;
const MAX_TOKEN_LENGTH = 16 * 1024;
/** how long a sidecar should wait after a refusal that may pass */
const RETRY_AFTER_SECONDS = 2;

/** the application; TLS is its server's business */
export function createKeyserviceApp({ service, streams, log, observeRequest }: KeyserviceAppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  const parseBody = express.json({ limit: MAX_BODY, type: 'application/json' });

  app.post('/v1/leases', async (request, response) => {
    try {
      const admitted = await service.admit(bearerOf(request));
      // Only now: an unknown caller must not make us read two megabytes.
      await new Promise<void>((resolve, reject) => {
        parseBody(request, response, (error?: unknown) =>
          error === undefined ? resolve() : reject(new SeksError('SEKS_LEASE_REQUEST_INVALID')),
        );
      });
      const answer = await service.grant(admitted, request.body);
      observeRequest('');
      // It holds data keys.
      response.setHeader('cache-control', 'no-store');
      response.json(answer);
    } catch (error) {
      observeRequest(toSeksError(error).code);
      throw error;
    }
  });

  app.get('/v1/leases/:id/events', async (request, response) => {
    const admitted = await service.admit(bearerOf(request));
    const { isCurrent, expiresMs } = await service.follow(admitted, request.params.id);
    if (request.socket.destroyed) return;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.flushHeaders();
    const { pod, config } = admitted;
    const close = streams.open({ pod, config, isCurrent, expiresMs, output: outputOf(response) });
    response.on('close', close);
  });

  app.use((_request, response) => {
    response.status(404).type('text/plain').send('not found\n');
  });

  app.use((cause: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const error = toSeksError(cause);
    if (error.code === 'SEKS_INTERNAL') log.error({ event: 'request_failed', err: cause }, 'request failed');
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (error.retryAfterMs !== undefined) {
      response.setHeader('retry-after', String(Math.ceil(error.retryAfterMs / 1000)));
    } else if (ERRORS[error.code].retry) {
      response.setHeader('retry-after', String(RETRY_AFTER_SECONDS));
    }
    response.setHeader('x-seks-error', error.code);
    response.setHeader('cache-control', 'no-store');
    // What we did not read of a refused request is not worth reading.
    response.setHeader('connection', 'close');
    response.status(error.spec.status).json(error.toBody());
  });
  return app;
}

function bearerOf(request: Request): Secret<'pod-token'> {
  const [, token] = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (token === undefined || token.length > MAX_TOKEN_LENGTH) {
    throw new SeksError('SEKS_LEASE_TOKEN_INVALID', 'There is no bearer token.');
  }
  return new Secret('pod-token', token);
}

function outputOf(response: Response): StreamOutput {
  return {
    write(text) {
      if (response.writableEnded || response.destroyed) return false;
      response.write(text);
      return response.writableLength <= MAX_UNREAD_BYTES;
    },
    end() {
      // A peer that does not read would never take the end of the stream.
      if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
      else response.end();
    },
  };
}
