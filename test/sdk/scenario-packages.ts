// Which scenarios use which SDK, by their import statements.
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { SdkVersion } from './newest-pins.ts';

const NODE_IMPORT = /(?:from|import)\s*\(?'((?:@[^/']+\/)?[^/']+)/g;
const PYTHON_IMPORT = /^(?:from|import) ([\w.]+)(?: import (\w+))?/gm;
/** packages of PyPI whose module has another name */
const MODULES: Readonly<Record<string, string>> = {
  'discord.py': 'discord',
  'google-genai': 'google.genai',
  'python-telegram-bot': 'telegram',
};

/** `npm:openai` and its like → file names of the scenarios */
export function scenarioPackages(
  folder: string,
  packages: readonly Pick<SdkVersion, 'registry' | 'name'>[],
): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const file of readdirSync(folder).toSorted()) {
    const imported = importedBy(file, readFileSync(join(folder, file), 'utf8'));
    for (const { registry, name } of packages) {
      const isUsed = imported.has(registry === 'npm' ? `npm:${name}` : `PyPI:${MODULES[name] ?? name}`);
      if (isUsed) users.set(`${registry}:${name}`, [...(users.get(`${registry}:${name}`) ?? []), file]);
    }
  }
  return users;
}

function importedBy(file: string, text: string): ReadonlySet<string> {
  switch (extname(file)) {
    case '.mjs':
      return new Set([...text.matchAll(NODE_IMPORT)].map(([, name]) => `npm:${name}`));
    case '.py':
      return new Set(
        [...text.matchAll(PYTHON_IMPORT)].flatMap(([, module = '', member]) => [
          `PyPI:${module.split('.')[0]}`,
          `PyPI:${module}`,
          `PyPI:${module}.${member}`,
        ]),
      );
    default:
      return new Set();
  }
}
