// What may be logged of an error. Messages may quote what was being handled (JSON.parse does), so only those of our own
// catalogue and of system calls are shown; of others the kind, the code and the places in the code.
import { types } from 'node:util';

import { SeksError } from '@seks/crds';

import { codeOf, networkDetail } from './forward/upstream-error.ts';

/** an error without anything that may be secret */
export interface SafeError {
  name: string;
  code?: string;
  detail?: string;
  at?: string[];
}

/** the loggable view of anything that was thrown */
export function describeError(cause: unknown): SafeError {
  if (cause instanceof SeksError) return { name: cause.name, code: cause.code, detail: cause.message };
  if (!types.isNativeError(cause)) return { name: typeof cause };
  const code = codeOf(cause);
  // The stack begins with name and message, and a message may have lines that look like frames.
  const stack = cause.stack ?? '';
  const start = stack.indexOf(cause.message) + cause.message.length;
  const frames = stack
    .slice(start)
    .split('\n')
    .filter((line) => /^\s+at /.test(line));
  return {
    name: cause.name,
    ...(code === '' ? {} : { code }),
    ...('syscall' in cause ? { detail: networkDetail(cause) } : {}),
    at: frames.slice(0, 8).map((line) => line.trim()),
  };
}

/** what the kubelet shows as the reason of the container's end */
export function terminationMessage(cause: unknown): string {
  if (cause instanceof SeksError) return `${cause.code}: ${cause.message} ${cause.spec.hint}\n`;
  const { name, code, detail } = describeError(cause);
  return `SEKS_INTERNAL: ${[name, code, detail].filter((part) => part !== undefined).join(' ')}\n`;
}
