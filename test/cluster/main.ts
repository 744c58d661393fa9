#!/usr/bin/env node
import { parseArgs } from 'node:util';
import {
  ambientContext,
  down,
  ensureTool,
  kubeconfigPath,
  status,
  up,
  type ClusterContext,
} from './cluster.ts';
import { endRunningCommands } from './command.ts';
import { describeFailure, exitCodeOf, exitNotRunning, UsageError } from './failures.ts';
import { helpText } from './help.ts';
import { baseImages, buildImage, loadImages } from './images.ts';
import { statusText } from './status.ts';

const flags = {
  help: { type: 'boolean', short: 'h' },
  output: { type: 'string', short: 'o' },
  'audit-log': { type: 'boolean' },
  purge: { type: 'boolean' },
  tag: { type: 'string' },
  file: { type: 'string' },
  context: { type: 'string' },
  'build-arg': { type: 'string', multiple: true },
  load: { type: 'boolean' },
} as const;

type Flags = ReturnType<typeof parseCommandLine>['values'];
type Command = (operands: string[], flags: Flags, context: ClusterContext) => Promise<number>;

const commands: Readonly<Record<string, Command>> = {
  async up(_operands, flags, context) {
    const kubeconfig = await up({ auditLog: flags['audit-log'] === true }, context);
    print(`export KUBECONFIG=${kubeconfig}`);
    return 0;
  },
  async down(_operands, flags, context) {
    await down({ purge: flags.purge === true }, context);
    return 0;
  },
  async status(_operands, flags, context) {
    const present = await status(context);
    process.stdout.write(
      flags.output === 'json' ? `${JSON.stringify(present, undefined, 2)}\n` : statusText(present),
    );
    return present.ready ? 0 : exitNotRunning;
  },
  async path(_operands, _flags, context) {
    print(await kubeconfigPath(context));
    return 0;
  },
  async tool([name], _flags, context) {
    if (name === undefined) throw new UsageError('tool needs a name');
    print(await ensureTool(name, context));
    return 0;
  },
  async 'load-image'(archives, _flags, context) {
    if (archives.length === 0) throw new UsageError('load-image needs at least one docker-archive');
    await loadImages(archives, context);
    return 0;
  },
  async 'base-images'(_operands, _flags, context) {
    for (const image of await baseImages(context)) print(`${image.tag} ${megabytes(image.sizeBytes)}`);
    return 0;
  },
  async 'build-image'(_operands, flags, context) {
    const { tag, file, context: folder = '.' } = flags;
    if (tag === undefined || file === undefined) throw new UsageError('build-image needs --tag and --file');
    const buildArgs = parseBuildArgs(flags['build-arg'] ?? []);
    const image = await buildImage({ tag, dockerfile: file, context: folder, buildArgs }, context);
    print(`${image.tag} ${megabytes(image.sizeBytes)} ${image.archive}`);
    if (flags.load === true) await loadImages([image.archive], context);
    return 0;
  },
};

function parseCommandLine(args: string[]) {
  try {
    return parseArgs({ args, options: flags, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function parseBuildArgs(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 1) throw new UsageError(`--build-arg ${pair} is not of the form name=value`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(args);
  const [name, ...operands] = positionals;
  if (values.help === true || name === 'help') {
    print(helpText);
    return 0;
  }
  if (name === undefined) throw new UsageError('a command is missing');
  if (values.output !== undefined && values.output !== 'json') throw new UsageError('-o knows only json');
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new UsageError(`there is no command ${name}`);
  return command(operands, values, ambientContext());
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    process.stderr.write('interrupted; the same command goes on from here\n');
    endRunningCommands();
    process.exit(code);
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${describeFailure(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
