// Running kubectl, which knows contexts, credentials and proxies of the person at the terminal.
import { execFile } from 'node:child_process';

import { CliError, EXIT_FINDINGS } from './cli-error.ts';
import { isMissing } from './io.ts';

const TIMEOUT_MS = 30_000;

/** runs a kubectl and returns what it printed; it inherits nothing but the environment */
export async function runKubectl(
  command: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { timeout: TIMEOUT_MS, signal, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(explain(error, stderr));
    }).stdin?.end();
  });
}

function explain(cause: Error, stderr: string): CliError {
  if (isMissing(cause)) {
    return new CliError('kubectl was not found, and no key to seal with was given', {
      hint: 'install kubectl, or seal offline with --cert or --aws-key-id',
      exitCode: EXIT_FINDINGS,
      cause,
    });
  }
  const said = stderr.trim().split('\n').at(-1) ?? '';
  return new CliError(
    `kubectl could not fetch the sealing key: ${said === '' ? 'no answer in time' : said}`,
    {
      hint: 'check --context, --kubeconfig and --seks-namespace, or seal offline with --cert',
      exitCode: EXIT_FINDINGS,
      cause,
    },
  );
}
