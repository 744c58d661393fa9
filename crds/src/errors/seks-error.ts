// An error of the catalogue, as it is thrown and answered with.
import { type ErrorCode, ERRORS } from './catalogue.ts';
import type { ErrorSpec } from './error-spec.ts';

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
