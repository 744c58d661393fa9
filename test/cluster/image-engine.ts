import { createHash } from 'node:crypto';
import { mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { attempt, run } from './command.ts';

export interface BuildRequest {
  readonly dockerfile: string;
  readonly context: string;
  readonly tag: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** Keep intermediate layers for the next build; true unless said otherwise */
  readonly cacheLayers?: boolean;
  readonly onLine?: (line: string) => void;
}

/** What builds images: Docker where its daemon runs, else buildah, which needs none. */
export interface ImageEngine {
  readonly name: 'docker' | 'buildah';
  build(request: BuildRequest): Promise<void>;
  /** Whether the image is here afterwards; a registry that cannot be reached is an answer, not an error. */
  pull(image: string): Promise<boolean>;
  /** undefined where there is no such image */
  imageId(tag: string): Promise<string | undefined>;
  label(tag: string, name: string): Promise<string | undefined>;
  sizeBytes(tag: string): Promise<number>;
  /** Writes a docker-archive that holds the image under its tag */
  save(tag: string, archive: string): Promise<void>;
}

const buildTimeoutMs = 30 * 60_000;
const pullTimeoutMs = 300_000;

function buildFlags(request: BuildRequest): string[] {
  return [
    '--file',
    request.dockerfile,
    '--tag',
    request.tag,
    ...Object.entries(request.buildArgs).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...Object.entries(request.labels ?? {}).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
    request.context,
  ];
}

function commandOptions(request: BuildRequest): { timeoutMs: number; onLine?: (line: string) => void } {
  return { timeoutMs: buildTimeoutMs, ...(request.onLine === undefined ? {} : { onLine: request.onLine }) };
}

export function dockerEngine(): ImageEngine {
  const inspect = async (tag: string, format: string): Promise<string | undefined> => {
    const answer = await attempt('docker', ['image', 'inspect', '--format', format, tag]);
    return answer.code === 0 ? answer.stdout.trim() : undefined;
  };
  return {
    name: 'docker',
    async build(request) {
      await run('docker', ['build', ...buildFlags(request)], commandOptions(request));
    },
    pull: async (image) =>
      (await attempt('docker', ['pull', '--quiet', image], { timeoutMs: pullTimeoutMs })).code === 0,
    imageId: (tag) => inspect(tag, '{{.Id}}'),
    label: (tag, name) => inspect(tag, `{{index .Config.Labels ${JSON.stringify(name)}}}`),
    sizeBytes: async (tag) => Number((await inspect(tag, '{{.Size}}')) ?? 0),
    save: (tag, archive) =>
      writeArchive(archive, (temporary) =>
        run('docker', ['save', '--output', temporary, tag], { timeoutMs: buildTimeoutMs }),
      ),
  };
}

/** Buildah with a storage of its own below `cacheDir`, and without namespaces that a container may forbid. */
export function buildahEngine(cacheDir: string, driver: 'overlay' | 'vfs'): ImageEngine {
  const storage = storageFlags(cacheDir, driver);
  const buildah = (args: readonly string[]): string[] => [...storage, ...args];
  const env = { BUILDAH_ISOLATION: 'chroot', TMPDIR: join(cacheDir, 'tmp') };
  const inspect = async (tag: string, format: string): Promise<string | undefined> => {
    const answer = await attempt(
      'buildah',
      buildah(['inspect', '--type', 'image', '--format', format, tag]),
      { env },
    );
    return answer.code === 0 ? answer.stdout.trim() : undefined;
  };
  mkdirSync(env.TMPDIR, { recursive: true });
  return {
    name: 'buildah',
    async build(request) {
      const cache = request.cacheLayers === false ? [] : ['--layers'];
      const before = await inspect(request.tag, '{{.FromImageID}}');
      const flags = ['bud', ...cache, '--pull-never', '--format', 'docker', ...buildFlags(request)];
      await run('buildah', buildah(flags), { ...commandOptions(request), env });
      // The one that lost its tag; it stays when it is another image's base.
      const after = await inspect(request.tag, '{{.FromImageID}}');
      if (before !== undefined && before !== after)
        await attempt('buildah', buildah(['rmi', before]), { env });
    },
    // With the tries of one request only: where there is no registry, this is asked in vain each time.
    pull: async (image) =>
      (await attempt('buildah', buildah(['pull', '--quiet', image]), { env, timeoutMs: pullTimeoutMs }))
        .code === 0,
    imageId: (tag) => inspect(tag, '{{.FromImageID}}'),
    label: (tag, name) => inspect(tag, `{{index .OCIv1.Config.Labels ${JSON.stringify(name)}}}`),
    async sizeBytes(tag) {
      const list = await attempt('buildah', buildah(['images', '--json', tag]), { env });
      return parseSize(list.stdout);
    },
    save: (tag, archive) =>
      writeArchive(archive, (temporary) =>
        run('buildah', buildah(['push', '--quiet', tag, `docker-archive:${temporary}:${tag}`]), {
          env,
          timeoutMs: buildTimeoutMs,
        }),
      ),
  };
}

/** Overlay shares the files of layers; vfs copies them, but works on every file system. */
export async function chooseBuildahDriver(cacheDir: string): Promise<'overlay' | 'vfs'> {
  const probe = await attempt('buildah', [...storageFlags(cacheDir, 'overlay'), 'info']);
  return probe.code === 0 ? 'overlay' : 'vfs';
}

function storageFlags(cacheDir: string, driver: 'overlay' | 'vfs'): string[] {
  const root = join(cacheDir, 'buildah');
  // Transient by nature, so in /run; one per storage, as two storages must not share it.
  const runRoot = join('/run/seks-buildah', createHash('sha256').update(root).digest('hex').slice(0, 12));
  const flags = ['--root', root, '--runroot', runRoot, '--storage-driver', driver];
  // Else the driver mounts its folder onto itself and leaves that behind.
  return driver === 'overlay' ? [...flags, '--storage-opt', 'overlay.skip_mount_home=true'] : flags;
}

/** buildah prints sizes for people: "322 MB" */
export function parseSize(json: string): number {
  const size = (JSON.parse(json || '[]') as { size?: string }[])[0]?.size ?? '';
  const [number = '0', unit = 'B'] = size.split(' ');
  const factor = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9 }[unit] ?? 1;
  return Math.round(Number(number) * factor);
}

async function writeArchive(archive: string, write: (temporary: string) => Promise<unknown>): Promise<void> {
  mkdirSync(dirname(archive), { recursive: true });
  // buildah refuses to write into an archive that exists.
  const temporary = `${archive}.${process.pid}-${Date.now()}.new`;
  await write(temporary);
  renameSync(temporary, archive);
}
