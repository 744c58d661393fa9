// Errors of the Kubernetes API. Callers branch on the class or the status, never on a message.

/** an answer of the API server that is not a success */
export class KubeApiError extends Error {
  override readonly name: string = 'KubeApiError';
  /** HTTP status */
  readonly status: number;
  /** `reason` of the Status object, e.g. `NotFound`; empty if there was none */
  readonly reason: string;
  /** the server's Retry-After in `milliseconds` */
  readonly retryAfterMs: number | undefined;

  constructor(
    status: number,
    reason: string,
    message: string,
    options?: { retryAfterMs?: number | undefined; cause?: unknown },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = options?.retryAfterMs;
  }
}

/** 409: the object exists already, or changed since it was read; read again and decide again */
export class ConflictError extends KubeApiError {
  override readonly name = 'ConflictError';

  constructor(message: string, options?: { reason?: string; cause?: unknown }) {
    super(409, options?.reason ?? 'Conflict', message, { cause: options?.cause });
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof KubeApiError && error.status === 404;
}

/** whether the resource version or continue token is too old, so that only a new list helps */
export function isGone(error: unknown): boolean {
  return (
    error instanceof KubeApiError &&
    (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone')
  );
}
