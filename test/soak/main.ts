// `make soak`: long and large runs against the sidecar as a process. Not part of `make test`.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { endChildren } from '../bench/child.ts';
import { type SoakResult, soakRequests } from './requests.ts';
import { soakSilentStream } from './silent-stream.ts';
import { startSubject, type Subject } from './subject.ts';
import { soakTransfer } from './transfer.ts';

const HELP = `Long and large runs against the sidecar as a process of its own.

Usage: node test/soak/main.ts COMMAND [FLAGS]

Commands
  requests      many requests; heap and RSS are sampled, and the slope of the line through them is told
  transfer      one large body down and one up; the sidecar's memory must not follow
  silent-stream a stream that is silent for minutes must come to its end
  all           one after the other

Flags
  --count N     requests: how many (100000)
  --mebibytes N transfer: size of each body (1024)
  --minutes N   silent-stream: how long (10)
  -o json       print the figures as JSON
  -h, --help    print this

Exit codes
  0  all held     1  something grew, broke or failed     2  wrong command line

Examples
  node test/soak/main.ts requests --count 1000000
  node test/soak/main.ts transfer --mebibytes 1024 -o json
  node test/soak/main.ts silent-stream --minutes 10
`;

type Progress = (text: string) => void;

interface Settings {
  count: number;
  mebibytes: number;
  minutes: number;
  progress: Progress;
}

const RUNS: Readonly<Record<string, (subject: Subject, settings: Settings) => Promise<SoakResult>>> = {
  requests: soakRequests,
  transfer: soakTransfer,
  'silent-stream': soakSilentStream,
};

function usage(text: string): never {
  process.stderr.write(`seks: error: ${text}\nTry: node test/soak/main.ts --help\n`);
  process.exit(2);
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        count: { type: 'string', default: '100000' },
        mebibytes: { type: 'string', default: '1024' },
        minutes: { type: 'string', default: '10' },
        output: { type: 'string', short: 'o' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
}

function positive(flag: string, text: string): number {
  const number = Number(text);
  return number > 0 ? number : usage(`--${flag} needs a number above zero, not ${text}`);
}

const { values, positionals } = parse();
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const [command = '', ...rest] = positionals;
const names = command === 'all' ? Object.keys(RUNS) : [command];
if (rest.length > 0 || !names.every((name) => Object.hasOwn(RUNS, name)))
  usage(`unknown command ${positionals.join(' ')}`);
if (values.output !== undefined && values.output !== 'json') usage(`unknown output ${values.output}`);
const settings: Settings = {
  count: positive('count', values.count),
  mebibytes: positive('mebibytes', values.mebibytes),
  minutes: positive('minutes', values.minutes),
  progress: (text) => process.stderr.write(`soak: ${text}\n`),
};

process.once('SIGINT', () => {
  endChildren();
  process.exit(1);
});

async function run(name: string): Promise<SoakResult> {
  const folder = await mkdtemp(join(tmpdir(), 'seks-soak-'));
  try {
    const subject = await startSubject(folder);
    try {
      const result = await RUNS[name]?.(subject, settings);
      const ended = subject.ended();
      if (ended !== undefined) throw new Error(`the sidecar ${ended}`);
      return result ?? { ok: false, figures: {} };
    } finally {
      await subject.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const results: Record<string, SoakResult> = {};
for (const name of names) {
  try {
    results[name] = await run(name);
  } catch (error) {
    process.stderr.write(`seks: error: ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    results[name] = { ok: false, figures: {} };
  }
}
if (values.output === 'json') process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
else {
  for (const [name, { ok, figures }] of Object.entries(results)) {
    process.stdout.write(`${name}: ${ok ? 'holds' : 'DOES NOT HOLD'}\n`);
    for (const [figure, value] of Object.entries(figures)) {
      process.stdout.write(`  ${figure.padEnd(26)} ${Number(value.toFixed(2))}\n`);
    }
  }
}
process.exitCode = Object.values(results).every(({ ok }) => ok) ? 0 : 1;
