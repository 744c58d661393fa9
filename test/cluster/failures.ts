/** What a caller can do about a failure decides its class, and its class decides the exit code. */

/** The command ran and did not succeed. */
export const exitFailed = 1;
/** The command line was wrong. */
export const exitUsage = 2;
/** No cluster can be had on this machine as it is; trying again changes nothing. */
export const exitCannotRunHere = 3;
/** `status` only: there is no running cluster. */
export const exitNotRunning = 4;

/** Something went wrong in a step that should have worked; `detail` is the tail of the log that tells why. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
  readonly detail: string;

  constructor(message: string, detail = '', options?: ErrorOptions) {
    super(message, options);
    this.detail = detail;
  }
}

/** The machine lacks something that no step here can supply; `todo` says what a person can do about it. */
export class CannotRunHere extends Error {
  override readonly name = 'CannotRunHere';
  readonly todo: string;

  constructor(missing: string, todo: string) {
    super(missing);
    this.todo = todo;
  }
}

/** The command line makes no sense; the message says which part. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CannotRunHere) return exitCannotRunHere;
  if (error instanceof UsageError) return exitUsage;
  return exitFailed;
}

/** The text a person reads: what happened, the log's tail, what to do. */
export function describeFailure(error: unknown): string {
  if (error instanceof CannotRunHere) return `cannot run here: ${error.message}\n  what to do: ${error.todo}`;
  if (error instanceof UsageError) return `${error.message}\n  see --help`;
  if (error instanceof StepFailed) {
    return error.detail === '' ? error.message : `${error.message}\n${indent(error.detail)}`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `  | ${line}`)
    .join('\n');
}
