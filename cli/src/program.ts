// The command line: names, flags and help. What the commands do is in their own files.
import { Command, CommanderError, Option } from 'commander';

import { CliError, EXIT_OK, EXIT_USAGE, toCliError } from './cli-error.ts';
import { inspect } from './inspect.ts';
import { say } from './io.ts';
import type { Io } from './io.ts';
import { seal } from './seal.ts';
import type { SealOptions } from './seal.ts';
import { validate } from './validate.ts';
import type { ValidateOptions } from './validate.ts';

const SEAL_EXAMPLES = `
Examples:
  # asks for the key, seals it for the current cluster
  kubectl seks seal --provider openai -n agents --name alice-keys --key openai | kubectl apply -f -

  # offline, from a password manager, into a file of a Git repository
  pass show openai | kubectl seks seal --provider openai -n agents --name alice-keys --key openai \\
    --cert sealing.pem --merge-into alice-keys.yaml

  # two AWS regions, so that either can unwrap
  kubectl seks seal --provider anthropic -n agents --name alice-keys --key anthropic --from-file key.txt \\
    --aws-key-id arn:aws:kms:eu-central-1:111122223333:key/… --aws-key-id arn:aws:kms:eu-west-1:111122223333:key/…
`;

const INSPECT_EXAMPLES = `
Examples:
  kubectl seks inspect alice-keys.yaml
  kubectl get secret alice-keys -n agents -o yaml | kubectl seks inspect - -o json
`;

const VALIDATE_EXAMPLES = `
Examples:
  kubectl seks validate secrets/*.yaml
  kustomize build . | kubectl seks validate -

Exit code: 0 all are right, 1 something is wrong with a Secret, 2 the command line is wrong.
`;

/** runs one command line, without the program's name, and returns the exit code */
export async function run(args: readonly string[], version: string, io: Io): Promise<number> {
  let exitCode = EXIT_OK;
  const program = build(version, io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return fail(error, program, io);
  }
}

function build(version: string, io: Io, exit: (code: number) => void): Command {
  const program = new Command('kubectl seks')
    .description('Seal API keys so that agents can use them and never have them.')
    .version(version, '--version', 'print the version')
    .option('--debug', 'print where an error comes from')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      // Errors are printed in one place, with a hint.
      outputError: () => {},
    });

  program
    .command('seal')
    .description('seal a key into a Secret manifest')
    .requiredOption('--provider <name>', 'the only provider that the key may be used with')
    .requiredOption('-n, --namespace <name>', 'namespace of the Secret')
    .requiredOption('--name <name>', 'name of the Secret')
    .requiredOption('--key <name>', 'key of the Secret that gets the value')
    .addOption(
      new Option(
        '--scope <scope>',
        'strict: this Secret and key only; namespace: any Secret of the namespace',
      )
        .choices(['strict', 'namespace'])
        .default('strict'),
    )
    .option('--cert <file>', 'public key to seal with, offline; repeat for more wrappings', collect, [])
    .option('--aws-key-id <arn>', 'AWS KMS key to seal with; repeat for more wrappings', collect, [])
    .option('--aws-region <region>', 'region of an AWS KMS key that is not given by its ARN')
    .option('--from-file <file>', 'read the key from a file; default: a pipe, or ask on the terminal')
    .option('--literal <key>', 'the key itself; it will show in the process list and the shell history')
    .option('--merge-into <file>', 'put the value into this manifest, or create it')
    .addOption(new Option('-o, --output <format>', 'format of the manifest').choices(['yaml', 'json']))
    .option('--raw', 'print the envelope alone')
    .option('--seks-namespace <name>', 'namespace that SEKS is installed in', 'seks-system')
    .option('--context <name>', 'kubeconfig context to fetch the public key with')
    .option('--kubeconfig <file>', 'kubeconfig to fetch the public key with')
    .addHelpText('after', SEAL_EXAMPLES)
    .action(async (options: SealOptions) => seal(options, io));

  program
    .command('inspect')
    .description('show what envelopes say about themselves, without opening them')
    .argument('<file>', 'Secret manifest or bare envelope; - for a pipe')
    .addOption(new Option('-o, --output <format>', 'format').choices(['text', 'json']).default('text'))
    .addHelpText('after', INSPECT_EXAMPLES)
    .action(async (path: string, options: { output: 'text' | 'json' }) =>
      exit(await inspect(path, options, io)),
    );

  program
    .command('validate')
    .description('check offline that sealed Secrets are whole and in the place they were sealed for')
    .argument('<files...>', 'Secret manifests; - for a pipe')
    .option('-n, --namespace <name>', 'namespace of Secrets whose manifest names none')
    .addHelpText('after', VALIDATE_EXAMPLES)
    .action(async (paths: string[], options: ValidateOptions) => exit(await validate(paths, options, io)));

  return program;
}

function fail(error: unknown, program: Command, io: Io): number {
  if (error instanceof CommanderError) {
    // --help and --version end like this too.
    if (error.exitCode === 0) return EXIT_OK;
    if (error.code !== 'commander.help') {
      const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
      say(io, 'error', message);
      say(
        io,
        'hint',
        suggestion?.replaceAll(/[()]/g, '') ?? 'run kubectl seks --help, or kubectl seks <command> --help',
      );
    }
    return EXIT_USAGE;
  }
  const { message, hint, exitCode, cause } = toCliError(error);
  say(io, 'error', message);
  if (hint !== undefined) say(io, 'hint', hint);
  if (program.opts<{ debug?: boolean }>().debug === true) io.err(`${stackOf(cause ?? error)}\n`);
  return exitCode;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by ${stackOf(error.cause)}`;
}

function collect(value: string, before: string[]): string[] {
  if (value === '') throw new CliError('an empty value was given for a sealing key');
  return [...before, value];
}
