import { join } from 'node:path';
import { attempt, findProgram, run } from './command.ts';
import { CannotRunHere } from './failures.ts';
import type { Progress } from './progress.ts';

const clusterName = 'seks-test';

/** Whether a Docker daemon answers (the client alone is often installed without one). */
export async function dockerRuns(): Promise<boolean> {
  if (findProgram('docker') === undefined) return false;
  return (
    (await attempt('docker', ['info', '--format', '{{.ServerVersion}}'], { timeoutMs: 5_000 })).code === 0
  );
}

export async function kindIsUsable(): Promise<boolean> {
  return findProgram('kind') !== undefined && (await dockerRuns());
}

export function kindKubeconfig(cacheDir: string): string {
  return join(cacheDir, 'kind.kubeconfig');
}

export async function kindUp(cacheDir: string, progress: Progress): Promise<void> {
  await requireKind();
  const kubeconfig = kindKubeconfig(cacheDir);
  if (await kindExists()) {
    await run('kind', ['export', 'kubeconfig', '--name', clusterName, '--kubeconfig', kubeconfig]);
    return;
  }
  await progress.step('kind create cluster', (note) =>
    run('kind', ['create', 'cluster', '--name', clusterName, '--kubeconfig', kubeconfig, '--wait', '180s'], {
      timeoutMs: 15 * 60_000,
      onLine: note,
    }),
  );
}

export async function kindDown(cacheDir: string, progress: Progress): Promise<void> {
  await requireKind();
  await progress.step('kind delete cluster', () =>
    run('kind', ['delete', 'cluster', '--name', clusterName, '--kubeconfig', kindKubeconfig(cacheDir)]),
  );
}

export async function kindExists(): Promise<boolean> {
  const clusters = await attempt('kind', ['get', 'clusters']);
  return clusters.code === 0 && clusters.stdout.split('\n').includes(clusterName);
}

export async function kindLoad(archive: string): Promise<void> {
  await run('kind', ['load', 'image-archive', archive, '--name', clusterName], { timeoutMs: 600_000 });
}

export async function requireKind(): Promise<void> {
  if (findProgram('kind') === undefined) {
    throw new CannotRunHere(
      'kind is not on PATH',
      'install kind (https://kind.sigs.k8s.io), or use CLUSTER=local',
    );
  }
  if (!(await dockerRuns())) {
    throw new CannotRunHere('no Docker daemon answers', 'start Docker, or use CLUSTER=local');
  }
}
