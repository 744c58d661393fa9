import { existsSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writeFileAtomically } from './atomic-file.ts';
import { baseImageSpecs, ensureBaseImage, type BaseImageName } from './base-image/base-images.ts';
import { ambientContext, clusterKind, toolPath, type ClusterContext } from './cluster.ts';
import { findProgram } from './command.ts';
import { ensureDebianPackages } from './debian.ts';
import { StepFailed, UsageError } from './failures.ts';
import { buildahEngine, chooseBuildahDriver, dockerEngine, type ImageEngine } from './image-engine.ts';
import { dockerRuns, kindLoad } from './kind.ts';
import { containerRuntime } from './local/containers.ts';
import { archiveNotePath, loadIntoNode, readArchiveNote } from './local/image-loader.ts';
import { clusterPaths, type Environment } from './paths.ts';
import type { Progress } from './progress.ts';

export interface ImageBuild {
  readonly dockerfile: string;
  readonly context: string;
  readonly tag: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
}

export interface BuiltImage {
  readonly tag: string;
  /** docker-archive, for `loadImages` */
  readonly archive: string;
  readonly sizeBytes: number;
}

const repositoryDir = join(import.meta.dirname, '..', '..');

/**
 * Builds an image into a docker-archive. One Dockerfile serves everywhere: it begins with `ARG BASE_IMAGE` and
 * `FROM ${BASE_IMAGE}`, and BASE_IMAGE is `baseImage('node')` unless it is given.
 */
export async function buildImage(
  build: ImageBuild,
  context: ClusterContext = ambientContext(),
): Promise<BuiltImage> {
  const engine = await imageEngine(context.env, context.progress);
  const buildArgs = { ...build.buildArgs };
  if (buildArgs['BASE_IMAGE'] === undefined && asksForBaseImage(readFileSync(build.dockerfile, 'utf8'))) {
    buildArgs['BASE_IMAGE'] = await baseImage('node', context);
  }
  return context.progress.step(`image ${build.tag}`, async (onLine) => {
    await engine.build({ ...build, buildArgs, onLine });
    return saveImage(engine, build.tag, clusterPaths(context.env).cache);
  });
}

/** The name of a base image, for a build argument; made first where it does not exist. */
export async function baseImage(
  name: BaseImageName,
  context: ClusterContext = ambientContext(),
): Promise<string> {
  const { env, progress } = context;
  const engine = await imageEngine(env, progress);
  return ensureBaseImage(name, { engine, cacheDir: clusterPaths(env).cache, repositoryDir, progress });
}

/** All base images, with their sizes. */
export async function baseImages(
  context: ClusterContext = ambientContext(),
): Promise<{ tag: string; sizeBytes: number }[]> {
  const engine = await imageEngine(context.env, context.progress);
  const names = Object.keys(baseImageSpecs) as BaseImageName[];
  const tags = await Promise.all(names.map((name) => baseImage(name, context)));
  return Promise.all(tags.map(async (tag) => ({ tag, sizeBytes: await engine.sizeBytes(tag) })));
}

/** Puts docker-archives into the cluster's node, so that pods run them with `imagePullPolicy: IfNotPresent`. */
export async function loadImages(
  archives: readonly string[],
  context: ClusterContext = ambientContext(),
): Promise<void> {
  const kind = await clusterKind(context.env);
  if (kind === 'current') {
    throw new UsageError(
      'CLUSTER=current: push the images to a registry that this cluster pulls from; nothing can be loaded from here',
    );
  }
  const runtime = containerRuntime(
    kind === 'local' ? toolPath('ctr', context.env) : 'ctr',
    clusterPaths(context.env).containerdSocket,
  );
  for (const archive of archives) {
    if (!existsSync(archive)) throw new UsageError(`there is no file ${archive}`);
    await context.progress.step(`load ${basename(archive)}`, async () => {
      if (kind === 'kind') await kindLoad(archive);
      else await loadIntoNode(archive, runtime, clusterPaths(context.env).state);
    });
  }
}

/** Exporting a large image takes seconds; not needed when the archive already holds it. */
async function saveImage(engine: ImageEngine, tag: string, cacheDir: string): Promise<BuiltImage> {
  const archive = join(cacheDir, 'images', `${archiveName(tag)}.tar`);
  const imageId = await engine.imageId(tag);
  if (imageId === undefined) throw new StepFailed(`${engine.name} has built ${tag}, but does not know it`);
  if (!existsSync(archive) || readArchiveNote(archive)?.imageId !== imageId) {
    // Without its note first: an interruption must not leave a new archive with an old note.
    rmSync(archiveNotePath(archive), { force: true });
    await engine.save(tag, archive);
    writeFileAtomically(archiveNotePath(archive), JSON.stringify({ tag, imageId }));
  }
  return { tag, archive, sizeBytes: await engine.sizeBytes(tag) };
}

export function archiveName(tag: string): string {
  return tag.replaceAll(/[^A-Za-z0-9.-]+/g, '_');
}

export function asksForBaseImage(dockerfile: string): boolean {
  return /^ARG\s+BASE_IMAGE\b/m.test(dockerfile);
}

async function imageEngine(env: Environment, progress: Progress): Promise<ImageEngine> {
  if (await dockerRuns()) return dockerEngine();
  if (findProgram('buildah') === undefined) await ensureDebianPackages(['buildah'], progress);
  const { cache } = clusterPaths(env);
  return buildahEngine(cache, await chooseBuildahDriver(cache));
}
