// The CRDs of the chart under an API group of a test's own, so that an operator that runs in the cluster does not touch these
// objects, nor the test its own.
import { expect } from '@jest/globals';
import type { SeksBinding, SeksProvider } from '../../crds/src/index.ts';
import { waitUntil } from '../cluster/wait-until.ts';
import type { KubernetesObject } from './kubernetes.ts';
import { kubectl, mustKubectl, renderChart, temporaryNamespace } from './kubernetes.ts';
import { sampleBinding, sampleProvider } from './sample-resources.ts';

export interface OwnCrds {
  readonly group: string;
  /** a namespace of the test's own, for bindings */
  readonly namespace: string;
  /** an object of ours in the test's API group; others stay as they are */
  inGroup<T extends { apiVersion: string }>(object: T): T;
  /** what the API server makes of an object that is not created */
  dryRun(object: KubernetesObject | SeksBinding | SeksProvider): ReturnType<typeof kubectl>;
  explain(field: string): ReturnType<typeof kubectl>;
  /** removes them, their objects and the namespace */
  remove(): Promise<void>;
}

/** installs them, and waits until they are served */
export async function installCrds(): Promise<OwnCrds> {
  const namespace = await temporaryNamespace();
  const group = `${namespace.name}.seks.test`;
  const rendered = await renderChart(namespace.name, ['crds.keep=false']);
  const crds = rendered
    .filter(({ kind }) => kind === 'CustomResourceDefinition')
    .map((crd) => ofGroup(crd, group));
  const inGroup: OwnCrds['inGroup'] = (object) => ({
    ...object,
    apiVersion: object.apiVersion.replace(/^seks\.ai\//, `${group}/`),
  });
  const dryRun: OwnCrds['dryRun'] = (object) => {
    const place = object.metadata.namespace === undefined ? [] : ['-n', namespace.name];
    const args = [...place, 'create', '--dry-run=server', '--validate=strict', '-f', '-'];
    return kubectl(args, inGroup(object));
  };
  const explain: OwnCrds['explain'] = (field) =>
    kubectl(['explain', field, `--api-version=${group}/v1alpha1`]);

  const remove = async (): Promise<void> => {
    await namespace.remove();
    for (const { metadata } of crds) {
      await mustKubectl(['delete', 'crd', metadata.name, '--ignore-not-found']);
    }
  };
  const isServed = async (): Promise<boolean> =>
    (await dryRun(sampleBinding(namespace.name))).code === 0 &&
    (await dryRun(sampleProvider())).code === 0 &&
    // Served a little later than the objects themselves.
    (await explain('seksprovider')).code === 0;

  try {
    expect(crds.map(({ metadata }) => metadata.name)).toEqual([
      `seksbindings.${group}`,
      `seksproviders.${group}`,
    ]);
    const list = { apiVersion: 'v1', kind: 'List', items: crds };
    await mustKubectl(['create', '--validate=strict', '-f', '-'], list);
    await waitUntil(isServed, {
      what: 'the API server to serve SeksBindings and SeksProviders',
      timeoutMs: 60_000,
      intervalMs: 500,
    });
  } catch (error) {
    await remove();
    throw error;
  }
  return { group, namespace: namespace.name, inGroup, dryRun, explain, remove };
}

function ofGroup(crd: KubernetesObject, group: string): KubernetesObject {
  const spec = crd['spec'] as { names: { plural: string } };
  const name = `${spec.names.plural}.${group}`;
  return { ...crd, metadata: { name }, spec: { ...spec, group } };
}
