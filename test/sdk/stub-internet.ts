// The internet of the SDK tests: a namespace in which the providers' host names lead to the stubs, or to what is put before them.
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { findProgram } from '../cluster/command.ts';
import { ensureDebianPackages } from '../cluster/debian.ts';
import { clusterPaths } from '../cluster/paths.ts';
import { terminalProgress } from '../cluster/progress.ts';
import { ensureAgentPackages } from '../harness/agent-packages.ts';
import { makeServerCertificate } from '../harness/certificates.ts';
import { HOST_STUBS } from '../upstream/host-stubs.ts';
import type { SeenRequest } from '../upstream/record.ts';
import { openNamespace, type SdkNamespace } from './namespace.ts';
import { findPython, type Python } from './python.ts';
import { keyEnvironment, makeRealKeys, type RealKeys } from './real-keys.ts';
import { untilSaid } from './until-said.ts';

/** of the chat APIs, which are told apart by path in the stubs and by host by their SDKs */
const CHAT_HOSTS = [
  'api.openai.com',
  'api.anthropic.com',
  'generativelanguage.googleapis.com',
  'api.groq.com',
] as const;
const STUB_ADDRESS = '127.0.0.2';
/** below the pins of the agent image: SDKs that it does without */
export const SIMPLE_APIS_FOLDER = 'simple-apis';
const CONTROL_TIMEOUT_MS = 10_000;
const testDir = join(import.meta.dirname, '..');
const node = join(testDir, '..', 'node_modules', '.bin', 'node');

export interface InternetSettings {
  /** names to resolve besides the plain ones of the stubs */
  readonly extraHosts: readonly string[];
  /** where the providers' names lead; the stubs are at 127.0.0.2 */
  readonly address: string;
  /** other SDKs than those that test/agent pins; kept between runs when left out */
  readonly sdks?: {
    /** folder with package.json, package-lock.json and requirements.txt, and with the folder `simple-apis` */
    readonly pinsFolder: string;
    readonly cacheDir: string;
  };
}

export interface StubInternet {
  readonly namespace: SdkNamespace;
  readonly keys: RealKeys;
  /** every host name that resolves */
  readonly hosts: readonly string[];
  /** the stubs' certificate authority, PEM */
  readonly caPem: string;
  /** scratch folder, gone when closed */
  readonly folder: string;
  /** as an agent's image has it: scenarios, node_modules, python */
  readonly agentFolder: string;
  readonly node: string;
  readonly python: Python;
  /** what the stubs saw since `sinceId` */
  requests(sinceId?: number): Promise<SeenRequest[]>;
  close(): Promise<void>;
}

/** starts the stubs in a new namespace; everything ends with `close` or with this process */
export async function openStubInternet(settings: InternetSettings): Promise<StubInternet> {
  const folder = await mkdtemp(join(tmpdir(), 'seks-sdk-'));
  const stubHosts = HOST_STUBS.flatMap((stub) => stub.hosts).filter((host) => !host.startsWith('*.'));
  const hosts = [...new Set([...CHAT_HOSTS, ...stubHosts, ...settings.extraHosts])];
  const keys = makeRealKeys();
  const python = await findPython();
  const agentFolder = await makeAgentFolder(folder, python, settings.sdks);
  const certificate = await makeServerCertificate(['stub.invalid', ...hosts], Date.now());
  await writeFile(join(folder, 'tls.crt'), certificate.certPem);
  await writeFile(join(folder, 'tls.key'), certificate.keyPem, { mode: 0o600 });
  const namespace = await openNamespace({
    hosts: Object.fromEntries(hosts.map((host) => [host, settings.address])),
    folder,
  });
  const control = join(folder, 'control.sock');
  const close = async (): Promise<void> => {
    await namespace.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const stubs = namespace.start(
      node,
      ['--disable-warning=ExperimentalWarning', join(testDir, 'upstream', 'main.ts')],
      {
        env: {
          ...keyEnvironment(keys),
          UPSTREAM_TLS_CERT_FILE: join(folder, 'tls.crt'),
          UPSTREAM_TLS_KEY_FILE: join(folder, 'tls.key'),
          UPSTREAM_ADDRESS: STUB_ADDRESS,
          UPSTREAM_PORT: '443',
          UPSTREAM_CONTROL_PORT: control,
          PATH: process.env['PATH'] ?? '',
        },
      },
    );
    await untilSaid(stubs, 'stub providers are listening');
  } catch (error) {
    await close();
    throw error;
  }
  return {
    namespace,
    keys,
    hosts,
    caPem: certificate.caPem,
    folder,
    agentFolder,
    node,
    python,
    requests: async (sinceId = 0) => (await getJson(control, `/requests?since=${sinceId}`)) as SeenRequest[],
    close,
  };
}

async function makeAgentFolder(
  folder: string,
  python: Python,
  sdks: InternetSettings['sdks'] = {
    pinsFolder: join(testDir, 'agent'),
    cacheDir: clusterPaths(process.env).cache,
  },
): Promise<string> {
  const settings = {
    ...sdks,
    pythonVersion: python.version,
    progress: terminalProgress(process.stderr),
  };
  const packages = await ensureAgentPackages(settings);
  const simpleApis = await ensureAgentPackages({
    ...settings,
    pinsFolder: join(sdks.pinsFolder, SIMPLE_APIS_FOLDER),
  });
  if (findProgram('gh') === undefined) await ensureDebianPackages(['gh'], settings.progress);
  const agentFolder = join(folder, 'agent');
  mkdirSync(agentFolder);
  cpSync(join(testDir, 'agent', 'scenarios'), join(agentFolder, 'scenarios'), { recursive: true });
  cpSync(join(packages, 'package.json'), join(agentFolder, 'package.json'));
  for (const name of ['node_modules', 'python']) symlinkSync(join(packages, name), join(agentFolder, name));
  // Node looks here for what the agent's own folder does not have.
  symlinkSync(join(simpleApis, 'node_modules'), join(folder, 'node_modules'));
  return agentFolder;
}

/** over the control socket, which is a file and so reaches out of the namespace */
function getJson(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, signal: AbortSignal.timeout(CONTROL_TIMEOUT_MS) }, (response) => {
      text(response).then((body) => resolve(JSON.parse(body)), reject);
    })
      .on('error', reject)
      .end();
  });
}
