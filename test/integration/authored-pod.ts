// Pods as their authors write them, bindings that select them, and what is said where the API server refuses one.
import { expect } from '@jest/globals';
import type { Kubectl } from '../harness/kubectl.ts';
import { credential, seksBinding } from '../harness/objects.ts';
import { GATED, tryCreate } from './stored-pod.ts';

export const IMAGE = 'registry.example/agent:1';

/** what an author may change of a pod with one container */
export interface PodChange {
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly container?: object;
  readonly spec?: object;
}

export interface AuthoredPod extends PodChange {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** a pod that is never to run */
export function authoredPod(author: AuthoredPod): object {
  const { name, namespace, labels, annotations, container, spec } = author;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels, ...(annotations === undefined ? {} : { annotations }) },
    spec: {
      ...GATED,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'agent', image: IMAGE, ...container }],
      ...spec,
    },
  };
}

/** a binding for the pods `app: <app>` with a key for OpenAI */
export function bindingFor(app: string, namespace: string): object {
  const credentials = [credential('openai', `${app}-keys`)];
  return seksBinding({ name: app, namespace, app, credentials });
}

/** what kubectl says about a pod that must not be created */
export async function refusalOf(kubectl: Kubectl, manifest: object): Promise<string> {
  const { code, stdout, stderr } = await tryCreate(kubectl, manifest);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  return stderr;
}
