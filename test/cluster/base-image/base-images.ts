import { createHash } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../command.ts';
import { ensureDebianPackages } from '../debian.ts';
import { withMachineLock } from '../machine-lock.ts';
import { withScratchDir } from '../scratch.ts';
import type { Progress } from '../progress.ts';
import { versions } from '../versions.ts';
import type { ImageEngine } from '../image-engine.ts';
import { findNodeBinary, type NodeBinary } from './node-binary.ts';

export type BaseImageName = 'node' | 'agent';

interface BaseImageSpec {
  readonly tag: string;
  /** What is used instead where there is a registry */
  readonly publicImage: string | undefined;
  readonly packages: readonly string[];
}

const debianSuite = 'bookworm';
const nodePackages = ['libstdc++6', 'ca-certificates'];
/** What an agent, and an attacker in its place, has at hand: interpreters, HTTP, and tools for searching. */
const agentPackages = (
  'bash binutils curl dnsutils file findutils gawk git grep iproute2 iputils-ping jq lsof netcat-openbsd openssl ' +
  'procps python3 ripgrep socat strace util-linux'
).split(' ');

export const baseImageSpecs: Readonly<Record<BaseImageName, BaseImageSpec>> = {
  node: {
    tag: `localhost/seks-node-base:${versions.node}`,
    publicImage: `docker.io/library/node:${versions.node}-${debianSuite}-slim`,
    packages: nodePackages,
  },
  agent: {
    tag: `localhost/seks-test-agent-base:${versions.node}`,
    publicImage: undefined,
    packages: [...nodePackages, ...agentPackages],
  },
};

export interface BaseImageContext {
  readonly engine: ImageEngine;
  readonly cacheDir: string;
  readonly repositoryDir: string;
  readonly progress: Progress;
}

const hashLabel = 'seks.test/content';

/** The name of a base image that exists when this returns: the public one, or one made of Debian packages. */
export async function ensureBaseImage(name: BaseImageName, context: BaseImageContext): Promise<string> {
  const spec = baseImageSpecs[name];
  const { engine, progress } = context;
  const node = await findNodeBinary(context.repositoryDir);
  const dockerfile = baseDockerfile(spec, node);
  const lock = {
    timeoutMs: 30 * 60_000,
    onWait: (holder: string) => progress.say(`${holder} is making the base image ${name}; waiting for it`),
  };
  return withMachineLock(`base-image-${name}`, lock, async () => {
    if ((await engine.label(spec.tag, hashLabel)) === contentHash(dockerfile)) return spec.tag;
    if (spec.publicImage !== undefined && (await engine.pull(spec.publicImage))) return spec.publicImage;
    await progress.step(`base image ${spec.tag} (Node ${node.version})`, (note) =>
      makeBaseImage(spec, node, dockerfile, context, note),
    );
    return spec.tag;
  });
}

/** All that decides the image's content, so that its text can stand for it. */
function baseDockerfile(spec: BaseImageSpec, node: NodeBinary): string {
  return [
    'FROM scratch',
    `# ${debianSuite}: ${spec.packages.join(' ')}; Node ${node.version}`,
    'ADD root.tar /',
    'COPY node /usr/local/bin/node',
    'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    `ENV NODE_VERSION=${node.version.slice(1)}`,
    'CMD ["node"]',
    '',
  ].join('\n');
}

function contentHash(dockerfile: string): string {
  return createHash('sha256')
    .update(dockerfile)
    .update(JSON.stringify(bootstrapFlags))
    .digest('hex')
    .slice(0, 16);
}

async function makeBaseImage(
  spec: BaseImageSpec,
  node: NodeBinary,
  dockerfile: string,
  context: BaseImageContext,
  note: (text: string) => void,
): Promise<void> {
  await ensureDebianPackages(['mmdebstrap'], context.progress);
  await withScratchDir(context.cacheDir, scratchPurpose(spec), async (scratch) => {
    copyFileSync(node.path, join(scratch, 'node'));
    writeFileSync(join(scratch, 'Dockerfile'), dockerfile);
    const root = join(scratch, 'root.tar');
    await run('mmdebstrap', [...bootstrapFlags, `--include=${spec.packages.join(',')}`, debianSuite, root], {
      timeoutMs: 20 * 60_000,
      onLine: note,
      env: { TMPDIR: scratch, LC_ALL: 'C' },
    });
    note('image');
    await context.engine.build({
      dockerfile: join(scratch, 'Dockerfile'),
      context: scratch,
      tag: spec.tag,
      buildArgs: {},
      labels: { [hashLabel]: contentHash(dockerfile) },
      cacheLayers: false,
    });
  });
}

const scratchPurpose = (spec: BaseImageSpec): string => spec.tag.replaceAll(/[^a-z0-9]+/g, '-');

const bootstrapFlags = [
  '--variant=essential',
  '--mode=root',
  '--aptopt=APT::Install-Recommends "false"',
  ...['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*'].map(
    (path) => `--dpkgopt=path-exclude=${path}`,
  ),
  '--dpkgopt=path-include=/usr/share/doc/*/copyright',
];
