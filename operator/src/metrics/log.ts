// The process's log: JSON lines with event fields, and errors without anything that they might quote.
import { SeksError } from '@seks/crds';
import { pino, stdTimeFunctions } from 'pino';
import type { DestinationStream, Logger } from 'pino';

import { KubeApiError } from '../kube/conflict.ts';

/** an error as it may be shown: messages only from errors whose messages name objects and never values */
export interface SafeError {
  type: string;
  code?: string;
  message?: string;
  /** where it was thrown, without the message that a stack begins with */
  at?: string[];
  cause?: SafeError;
}

const MAX_FRAMES = 6;
const MAX_CAUSES = 3;

/** the part of an error that is safe in logs: a parser's message quotes its input, and that may be a Secret */
export function safeError(error: unknown, depth = 0): SafeError {
  if (!(error instanceof Error)) return { type: typeof error };
  const isOurs = error instanceof SeksError || error instanceof KubeApiError;
  const code: unknown = 'code' in error ? error.code : undefined;
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    type: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    ...(isOurs
      ? { message: error.message }
      : { at: frames.slice(0, MAX_FRAMES).map((frame) => frame.trim()) }),
    ...(error.cause === undefined || depth >= MAX_CAUSES ? {} : { cause: safeError(error.cause, depth + 1) }),
  };
}

/** the process's logger */
export function createLog(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: (error: unknown) => safeError(error), error: (error: unknown) => safeError(error) },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
