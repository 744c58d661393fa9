// `kubectl seks inspect`: what an envelope says about itself. It says nothing about whether that is true.
import { toCliError, CliError, EXIT_FINDINGS, EXIT_OK } from './cli-error.ts';
import { formatReport, reportOn } from './envelope-report.ts';
import type { EnvelopeReport } from './envelope-report.ts';
import type { Io } from './io.ts';
import { readSecrets } from './manifest.ts';
import type { SecretValue } from './manifest.ts';
import { readInput } from './read-input.ts';

type Finding = { place?: string } & (EnvelopeReport | { error: string });

/** prints the header of each envelope in a manifest, or of a bare one; returns the exit code */
export async function inspect(path: string, options: { output?: 'text' | 'json' }, io: Io): Promise<number> {
  const text = await readInput(path, io);
  const findings = text.startsWith('{"protected":') ? [finding({ text })] : findingsIn(text);
  if (findings.length === 0) {
    throw new CliError(`${path} holds no envelope`, {
      hint: 'give it a Secret manifest or the output of kubectl seks seal --raw',
      exitCode: EXIT_FINDINGS,
    });
  }
  if (options.output === 'json') io.out(`${JSON.stringify(findings, undefined, 2)}\n`);
  else io.out(findings.map(format).join('\n'));
  return findings.some((one) => 'error' in one) ? EXIT_FINDINGS : EXIT_OK;
}

function findingsIn(text: string): Finding[] {
  return readSecrets(text).flatMap(({ namespace, name, values }) =>
    values.map(({ key, value }) => ({
      place: `${namespace ?? '-'}/${name ?? '-'}[${key}]`,
      ...finding(value),
    })),
  );
}

function finding(value: SecretValue['value']): Finding {
  if ('problem' in value) return { error: value.problem };
  try {
    return reportOn(value.text);
  } catch (error) {
    return { error: toCliError(error).message };
  }
}

function format(found: Finding): string {
  const title = `${found.place ?? 'envelope'}\n`;
  return title + ('error' in found ? `  ${found.error}\n` : formatReport(found));
}
