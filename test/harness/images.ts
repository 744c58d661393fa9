// All images of the demo and the tests. A tag is the hash of the content, so a node never runs a stale one, and what has
// been built and loaded before costs nothing.
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ClusterContext } from '../cluster/cluster.ts';
import { run } from '../cluster/command.ts';
import { baseImage, buildImage, loadImages } from '../cluster/images.ts';
import { withMachineLock } from '../cluster/machine-lock.ts';
import { clusterPaths } from '../cluster/paths.ts';
import { ensureAgentContext } from './agent-image.ts';
import { contentHash } from './content-hash.ts';
import type { Kubectl } from './kubectl.ts';

export const repositoryDir = join(import.meta.dirname, '..', '..');

export interface TestImages {
  readonly operator: string;
  readonly sidecar: string;
  /** an agent with the vendors' SDKs, running as root */
  readonly agent: string;
  /** the stub providers */
  readonly upstream: string;
}

const AGENT_FILES = [
  'Dockerfile',
  'package.json',
  'package-lock.json',
  'requirements.txt',
  'chat.mjs',
  'chat.py',
  'loop.mjs',
  'search',
  'scenarios',
];

/** builds what is not built yet and loads it into the cluster's node */
export async function ensureImages(kubectl: Kubectl, context: ClusterContext): Promise<TestImages> {
  return withMachineLock('test-images', { timeoutMs: 30 * 60_000 }, async () => {
    await context.progress.step('bundles', () =>
      run(process.execPath, ['build.ts', 'operator', 'sidecar'], { cwd: repositoryDir }),
    );
    const cluster = await clusterId(kubectl);
    const ensure = (image: ImagePlan): Promise<string> => ensureImage(image, cluster, context);
    return {
      operator: await ensure(await programImage('operator', context)),
      sidecar: await ensure(await programImage('sidecar', context)),
      agent: await ensure(await agentImage(context)),
      upstream: await ensure(await upstreamImage(context)),
    };
  });
}

interface ImagePlan {
  readonly tag: string;
  readonly dockerfile: string;
  readonly context: () => Promise<string>;
  readonly buildArgs?: Readonly<Record<string, string>>;
}

async function programImage(name: 'operator' | 'sidecar', context: ClusterContext): Promise<ImagePlan> {
  const base = await baseImage('node', context);
  return {
    tag: `localhost/seks-${name}:${contentHash(repositoryDir, [`${name}/dist`, `${name}/Dockerfile`])}`,
    dockerfile: join(repositoryDir, name, 'Dockerfile'),
    context: () => Promise.resolve(repositoryDir),
    // The bundle is made above; the build stage would need registries.
    buildArgs: { BUNDLE: 'prebuilt', BASE_IMAGE: base, BUILD_IMAGE: base },
  };
}

async function agentImage(context: ClusterContext): Promise<ImagePlan> {
  const hash = contentHash(join(repositoryDir, 'test', 'agent'), AGENT_FILES);
  return {
    tag: `localhost/seks-test-agent:${hash}`,
    dockerfile: join(repositoryDir, 'test', 'agent', 'Dockerfile'),
    context: () =>
      ensureAgentContext({ cacheDir: clusterPaths(context.env).cache, hash, progress: context.progress }),
    buildArgs: { BASE_IMAGE: await baseImage('agent', context) },
  };
}

async function upstreamImage(context: ClusterContext): Promise<ImagePlan> {
  const folder = join(repositoryDir, 'test', 'upstream');
  const hash = contentHash(folder, ['.']);
  return {
    tag: `localhost/seks-test-upstream:${hash}`,
    dockerfile: join(folder, 'Dockerfile'),
    context: () => Promise.resolve(upstreamContext(folder, hash, context)),
    // It has git, which the GitHub stub runs.
    buildArgs: { BASE_IMAGE: await baseImage('agent', context) },
  };
}

/** the stubs and the one package that they need, which has no dependencies of its own */
function upstreamContext(folder: string, hash: string, context: ClusterContext): string {
  const made = join(clusterPaths(context.env).cache, 'upstream-image', hash);
  cpSync(folder, made, { recursive: true, filter: (path) => !path.endsWith('.test.ts') });
  const ws = join(made, 'node_modules', 'ws');
  cpSync(join(repositoryDir, 'node_modules', 'ws'), ws, { recursive: true });
  return made;
}

async function ensureImage(plan: ImagePlan, cluster: string, context: ClusterContext): Promise<string> {
  const mark = join(
    clusterPaths(context.env).cache,
    'loaded',
    cluster,
    plan.tag.replaceAll(/[^\w.-]+/g, '_'),
  );
  if (existsSync(mark)) return plan.tag;
  const { archive } = await buildImage(
    {
      tag: plan.tag,
      dockerfile: plan.dockerfile,
      context: await plan.context(),
      ...(plan.buildArgs === undefined ? {} : { buildArgs: plan.buildArgs }),
    },
    context,
  );
  await loadImages([archive], context);
  mkdirSync(dirname(mark), { recursive: true });
  writeFileSync(mark, '');
  return plan.tag;
}

/** a new cluster has a new one, so what was loaded into an old cluster is not believed of it */
async function clusterId(kubectl: Kubectl): Promise<string> {
  const namespace = await kubectl.get('namespace', 'kube-system');
  return namespace?.metadata.uid ?? 'unknown';
}
