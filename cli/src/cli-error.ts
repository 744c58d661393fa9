// What goes wrong at the command line, in the words and exit codes that the shell sees.
import { SeksError } from '@seks/crds';

/** everything did what was asked */
export const EXIT_OK = 0;
/** the command ran and found something wrong */
export const EXIT_FINDINGS = 1;
/** the command line cannot be carried out as it is */
export const EXIT_USAGE = 2;

/** an error with advice; neither part holds a key or an envelope */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly hint: string | undefined;
  readonly exitCode: number;

  constructor(message: string, options: { hint?: string; exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? EXIT_USAGE;
  }
}

/** any error as one for the command line; errors of the catalogue keep code and hint */
export function toCliError(cause: unknown): CliError {
  if (cause instanceof CliError) return cause;
  if (cause instanceof SeksError) {
    const message = `${sentence(cause.message)} (${cause.code})`;
    return new CliError(message, { hint: sentence(cause.spec.hint), exitCode: EXIT_FINDINGS, cause });
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return new CliError(message, {
    hint: 'run it again with --debug for details',
    exitCode: EXIT_FINDINGS,
    cause,
  });
}

/** a sentence of the catalogue as the command line writes it: no capital, no full stop */
export function sentence(text: string): string {
  const start = /^[A-Z][a-z ]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
  return start.replace(/\.$/, '');
}
