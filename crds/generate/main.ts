// `node crds/generate/main.ts` writes the generated files; with `--check` it only tells which are stale.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { generate } from './outputs.ts';
import { readSources, staleFiles, writeFiles } from './repository.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const root = fileURLToPath(new URL('../..', import.meta.url));
const files = await generate(await readSources(root));
const stale = await staleFiles(root, files);
if (values.check && stale.length > 0) {
  console.error(`generate: stale: ${stale.join(', ')}\ngenerate: hint: run \`npm run generate\``);
  process.exitCode = 1;
} else if (!values.check) {
  await writeFiles(root, new Map([...files].filter(([path]) => stale.includes(path))));
  console.error(stale.length > 0 ? `generate: wrote ${stale.join(', ')}` : 'generate: all up to date');
}
