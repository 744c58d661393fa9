// Bundles each program into one file: `node build.ts [operator] [sidecar] [cli]`. An image then holds Node and that file,
// no node_modules, and a pod starts with one read instead of thousands.
import { existsSync } from 'node:fs';
import { chmod, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import type { BuildOptions } from 'esbuild';
import { build } from 'esbuild';

interface Program {
  entry: string;
  bundle: string;
  /** run by a person: gets a shebang line and the executable bit */
  command?: boolean;
}

const PROGRAMS: Record<string, Program> = {
  operator: { entry: 'operator/src/main.ts', bundle: 'operator/dist/operator.mjs' },
  sidecar: { entry: 'sidecar/src/main.ts', bundle: 'sidecar/dist/sidecar.mjs' },
  cli: { entry: 'cli/src/main.ts', bundle: 'cli/dist/kubectl-seks.mjs', command: true },
};

// CommonJS packages call require() for Node's own modules, which an ES module does not have.
const REQUIRE = `import { createRequire as seksCreateRequire } from 'node:module';
const require = seksCreateRequire(import.meta.url);`;

const OPTIONS: BuildOptions = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  // Stack traces and `kubectl exec -- cat` stay readable; size hardly matters on a server.
  minify: false,
  sourcemap: 'linked',
  metafile: true,
  logLevel: 'warning',
  define: { 'process.env.NODE_ENV': '"production"' },
};

async function bundle({ entry, bundle, command }: Program): Promise<string> {
  // Nothing of an earlier build may be packed into an image by mistake.
  await rm(dirname(bundle), { recursive: true, force: true });
  const { metafile } = await build({
    ...OPTIONS,
    entryPoints: [entry],
    outfile: bundle,
    banner: { js: command === true ? `#!/usr/bin/env node\n${REQUIRE}` : REQUIRE },
  });
  if (command === true) await chmod(bundle, 0o755);
  const { size } = await stat(bundle);
  const packages = new Set(
    Object.keys(metafile?.inputs ?? {}).flatMap(
      (path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(path)?.[1] ?? [],
    ),
  );
  return `${bundle.padEnd(28)} ${Math.ceil(size / 1024)
    .toString()
    .padStart(6)} KiB, ${packages.size} packages`;
}

process.chdir(fileURLToPath(new URL('.', import.meta.url)));
const { positionals } = parseArgs({ allowPositionals: true });
for (const name of positionals.length > 0 ? positionals : Object.keys(PROGRAMS)) {
  const program = PROGRAMS[name];
  if (program === undefined) {
    console.error(`build: error: no program ${name}; there are ${Object.keys(PROGRAMS).join(', ')}`);
    process.exitCode = 2;
  } else if (!existsSync(program.entry)) {
    console.error(`build: error: ${program.entry} does not exist, so ${program.bundle} cannot be built`);
    process.exitCode = 1;
  } else {
    console.log(await bundle(program));
  }
}
