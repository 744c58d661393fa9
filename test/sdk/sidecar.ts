// The sidecar as a process between the SDKs and the stubs, with every provider of the catalogue that the stubs imitate.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CA_BUNDLE_FILE,
  fillParameters,
  interceptableHosts,
  makeFakeToken,
  type Provider,
  resolveProvider,
} from '@seks/crds';
import type { ProviderName } from '../upstream/provider-stub.ts';
import type { SdkRow } from './row.ts';
import type { StubInternet } from './stub-internet.ts';
import type { TokenPair } from './told-usage.ts';
import { untilSaid } from './until-said.ts';

export const SIDECAR_ADDRESS = '127.0.0.1';
export const STUB_ADDRESS = '127.0.0.2';
/** as in the image */
const V8_FLAGS = ['--disable-sigusr1', '--disable-warning=ExperimentalWarning'];
const standalone = join(import.meta.dirname, '..', '..', 'sidecar', 'src', 'testing', 'standalone.ts');

export interface Sidecar {
  /** the fake tokens for a row's environment variables */
  tokensFor(row: SdkRow): Readonly<Record<string, string>>;
  /** the hosts that the webhook would point to the sidecar */
  readonly intercepted: readonly string[];
  /** what an agent trusts: its own CA, or only the stubs' when it has none */
  caPem(): string;
  /** all that it wrote: logs and audit lines */
  output(): string;
  /** the tokens that it metered, request by request, in what it wrote from that character on */
  metered(from: number): TokenPair[];
}

interface Credential {
  readonly stub: ProviderName;
  readonly token: string;
}

/** @throws Error when a row names a provider that the catalogue does not have, or when the sidecar does not start */
export async function startSidecar(internet: StubInternet, rows: readonly SdkRow[]): Promise<Sidecar> {
  const credentials = new Map<string, Credential>();
  for (const row of rows) {
    for (const [variable, stub] of Object.entries(row.keys)) {
      const name = catalogueName(row, variable, stub);
      if (credentials.has(name)) continue;
      const template = providerOf(name).spec.fakeToken;
      const token = makeFakeToken(template, randomBytes).reveal((bytes) => bytes.toString());
      credentials.set(name, { stub, token });
    }
  }
  const publicDir = join(internet.folder, 'public');
  const runDir = join(internet.folder, 'run');
  for (const folder of [publicDir, runDir]) mkdirSync(folder);
  const intercepted = [
    ...new Set([...credentials.keys()].flatMap((name) => interceptableHosts(providerOf(name)))),
  ];
  const configFile = join(internet.folder, 'sidecar.json');
  const config = {
    port: 15080,
    adminPort: 15090,
    interception: {
      aliases: intercepted,
      proxied: intercepted,
      hostPort: 443,
      runDirectory: runDir,
      publicDirectory: publicDir,
    },
    credentials: [...credentials].map(([name, { stub, token }]) => ({
      provider: stubbed(name, internet.caPem),
      token,
      key: internet.keys[stub],
    })),
    addresses: { '*': [STUB_ADDRESS] },
  };
  await writeFile(configFile, JSON.stringify(config), { mode: 0o600 });
  const child = internet.namespace.start(internet.node, [...V8_FLAGS, standalone, configFile], { env: {} });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  }
  await untilSaid(child, '"event":"ready"');
  const bundle = join(publicDir, CA_BUNDLE_FILE);
  return {
    intercepted,
    tokensFor: (row) =>
      Object.fromEntries(
        Object.entries(row.keys).map(([variable, stub]) => {
          const credential = credentials.get(catalogueName(row, variable, stub));
          if (credential === undefined) throw new Error(`the sidecar has no token for ${variable}`);
          return [variable, credential.token];
        }),
      ),
    caPem: () => (existsSync(bundle) ? readFileSync(bundle, 'utf8') : internet.caPem),
    output: () => output,
    metered: (from) => output.slice(from).split('\n').flatMap(auditedTokens),
  };
}

function auditedTokens(line: string): TokenPair[] {
  // The last line may not have come whole.
  if (!line.startsWith('{"event":"audit"') || !line.endsWith('}')) return [];
  const { tokens } = JSON.parse(line) as { tokens?: Partial<TokenPair> };
  return tokens === undefined ? [] : [{ input: tokens.input ?? 0, output: tokens.output ?? 0 }];
}

function catalogueName(row: SdkRow, variable: string, stub: ProviderName): string {
  return row.catalogue?.[variable] ?? stub;
}

/** values for the parameters of the catalogue's providers, as the stubs know them */
const PARAMETERS: Readonly<Record<string, Record<string, string>>> = {
  'azure-openai': { resource: 'acme' },
  bedrock: { region: 'us-east-1' },
  pinecone: { environment: 'aped-1234' },
};

function providerOf(name: string): Provider {
  return fillParameters(
    resolveProvider(name, () => undefined),
    PARAMETERS[name],
  );
}

/** the provider as it is in the catalogue, but with the stubs' authority, and at an address of this machine */
function stubbed(name: string, caBundle: string): Provider {
  const { spec } = providerOf(name);
  const upstreams = spec.upstreams.map((upstream) => ({ ...upstream, network: 'Private' as const }));
  return { name, spec: { ...spec, upstreams, caBundle } };
}
