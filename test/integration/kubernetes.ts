// What integration tests need of a cluster: kubectl with objects, and namespaces that vanish afterwards.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parseAllDocuments } from 'yaml';

import { ensureTool } from '../cluster/cluster.ts';
import type { CommandResult } from '../cluster/command.ts';
import { attempt, run } from '../cluster/command.ts';
import { waitUntil } from '../cluster/wait-until.ts';

export const ROOT = join(import.meta.dirname, '..', '..');

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  [field: string]: unknown;
}

/** runs kubectl; refusals are answers, so only the caller says what is a failure */
export async function kubectl(args: readonly string[], input?: unknown): Promise<CommandResult> {
  const program = process.env['KUBECTL'] ?? (await ensureTool('kubectl'));
  // A cache of its own: the CRDs that are installed here under another group must not be remembered elsewhere.
  const env = { KUBECACHEDIR: join(tmpdir(), `seks-kubectl-own-${process.pid}`) };
  return attempt(program, args, { env, ...(input === undefined ? {} : { input: JSON.stringify(input) }) });
}

/** as {@link kubectl}, but anything other than success throws with what kubectl said */
export async function mustKubectl(args: readonly string[], input?: unknown): Promise<string> {
  const { code, stdout, stderr } = await kubectl(args, input);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** objects that the chart renders */
export async function renderChart(namespace: string, values: readonly string[]): Promise<KubernetesObject[]> {
  const program = process.env['HELM'] ?? (await ensureTool('helm'));
  const settings = values.flatMap((value) => ['--set', value]);
  return objectsIn(
    await run(program, [
      'template',
      'seks',
      join(ROOT, 'charts/seks'),
      '--namespace',
      namespace,
      ...settings,
    ]),
  );
}

/** objects of a YAML file, by its path from the repository's root */
export async function readObjects(path: string): Promise<KubernetesObject[]> {
  return objectsIn(await readFile(join(ROOT, path), 'utf8'));
}

function objectsIn(text: string): KubernetesObject[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);
}

/** makes a namespace in which pods can be created; `remove` deletes it and does not wait */
export async function temporaryNamespace(
  labels: Record<string, string> = {},
): Promise<{ name: string; remove(): Promise<void> }> {
  const name = `seks-it-${randomBytes(4).toString('hex')}`;
  await mustKubectl(['create', '-f', '-'], {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels },
  });
  // Pods are refused until the controller manager has made this one.
  await waitUntil(async () => (await kubectl(['-n', name, 'get', 'serviceaccount', 'default'])).code === 0, {
    what: `the default ServiceAccount of ${name}`,
    timeoutMs: 60_000,
  });
  return {
    name,
    async remove() {
      await mustKubectl(['delete', 'namespace', name, '--wait=false']);
    },
  };
}
