// Every generated file of the repository: its path and what it must hold. Pure but for the formatter's configuration.
import { format } from 'prettier';
import { parse } from 'yaml';

import { errorReference } from './error-reference.ts';
import { readDefinition } from './schema.ts';
import { typesModule } from './types.ts';

/** sources by file name: CRD manifests and provider documents */
export interface Sources {
  manifests: ReadonlyMap<string, string>;
  providers: ReadonlyMap<string, string>;
  prettier: object;
}

/** nested schemas that get a name of their own, by path */
const TYPE_NAMES: Record<string, Record<string, string>> = {
  SeksBinding: {
    spec: 'SeksBindingSpec',
    'spec.podSelector': 'SeksPodSelector',
    'spec.credentials[]': 'SeksCredential',
    'spec.credentials[].sources[]': 'SeksSource',
    status: 'SeksBindingStatus',
    'status.conditions[]': 'SeksCondition',
  },
  SeksProvider: { spec: 'SeksProviderSpec' },
};

const MODULES: Record<string, string> = { SeksBinding: 'seks-binding', SeksProvider: 'seks-provider' };

/** contents of the generated files by path from the repository's root */
export async function generate(sources: Sources): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const [file, text] of sources.manifests) {
    const definition = readDefinition(parse(text));
    const module = MODULES[definition.kind];
    if (module === undefined) throw new RangeError(`no module name for kind ${definition.kind}`);
    const types = typesModule(definition, TYPE_NAMES[definition.kind] ?? {});
    const source = `crds/manifests/${file}`;
    files.set(`crds/src/generated/${module}.ts`, await typescript(source, types, sources.prettier));
    files.set(
      `charts/seks/files/crds/${file}`,
      await format(`# Generated from ${source} by \`npm run generate\`.\n${text}`, {
        ...sources.prettier,
        parser: 'yaml',
      }),
    );
  }
  const catalogue = [...sources.providers.values()].map((text) => parse(text) as unknown);
  files.set(
    'crds/src/generated/catalogue.ts',
    await typescript(
      'crds/providers/*.yaml',
      `import type { SeksProvider } from './seks-provider.ts';\n\n` +
        `/** the documents of the built-in catalogue */\n` +
        `export const CATALOGUE: readonly SeksProvider[] = ${JSON.stringify(catalogue)};\n`,
      sources.prettier,
    ),
  );
  files.set(
    'docs/errors.md',
    await format(`<!-- Generated from crds/src/errors/ by \`npm run generate\`. -->\n\n${errorReference()}`, {
      ...sources.prettier,
      parser: 'markdown',
    }),
  );
  return files;
}

async function typescript(source: string, text: string, prettier: object): Promise<string> {
  return format(`// Generated from ${source} by \`npm run generate\`; change that, not this.\n${text}`, {
    ...prettier,
    parser: 'typescript',
  });
}
