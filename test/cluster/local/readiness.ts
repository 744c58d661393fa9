import { Resolver } from 'node:dns/promises';
import type { OwnedProcesses } from '../owned-process.ts';
import { waitUntil } from '../wait-until.ts';
import { network, nodeName } from './addresses.ts';
import { apiClient, type ApiClient } from './api-client.ts';

/** One thing that must hold for the cluster to be up, and the process whose log explains why it does not. */
export interface ReadinessCheck {
  readonly what: string;
  readonly process: string;
  readonly holds: () => Promise<boolean>;
}

export function readinessChecks(api: ApiClient, pkiDir: string): readonly ReadinessCheck[] {
  return [
    { what: 'the API server', process: 'kube-apiserver', holds: () => apiIsReady(api) },
    { what: 'the node to be Ready', process: 'kubelet', holds: () => nodeIsReady(api) },
    {
      what: 'the default ServiceAccount',
      process: 'kube-controller-manager',
      holds: () => hasServiceAccount(api),
    },
    { what: 'cluster DNS', process: 'coredns', holds: () => dnsAnswers(network.nodeAddress) },
    // Through the Service's address, thus through kube-proxy: UDP to DNS and TCP to the API.
    {
      what: 'the kube-dns Service',
      process: 'kube-proxy',
      holds: () => dnsAnswers(network.dnsServiceAddress),
    },
    {
      what: 'the kubernetes Service',
      process: 'kube-proxy',
      holds: () => apiIsReady(apiClient(pkiDir, { host: network.apiServiceAddress, port: 443 })),
    },
  ];
}

export async function waitForReadiness(
  checks: readonly ReadinessCheck[],
  processes: OwnedProcesses,
  note: (text: string) => void,
): Promise<void> {
  for (const check of checks) {
    note(check.what);
    await waitUntil(check.holds, {
      what: check.what,
      timeoutMs: 120_000,
      logFile: processes.logFile(check.process),
      hopeless: () => processes.whyDead(check.process),
    });
  }
}

export async function apiIsReady(api: ApiClient): Promise<boolean> {
  const answer = await api.get('/readyz');
  if (answer.status !== 200) throw new Error(`/readyz: ${answer.status} ${answer.text.slice(0, 200)}`);
  return true;
}

async function nodeIsReady(api: ApiClient): Promise<boolean> {
  const answer = await api.get(`/api/v1/nodes/${nodeName}`);
  const ready = nodeReadyCondition(answer.body);
  if (ready?.status !== 'True')
    throw new Error(ready?.message ?? `the node is not registered (${answer.status})`);
  return true;
}

export function nodeReadyCondition(
  node: unknown,
): { readonly status: string; readonly message: string } | undefined {
  const conditions = (
    node as { status?: { conditions?: { type: string; status: string; message: string }[] } } | undefined
  )?.status?.conditions;
  return conditions?.find((condition) => condition.type === 'Ready');
}

async function hasServiceAccount(api: ApiClient): Promise<boolean> {
  return (await api.get('/api/v1/namespaces/default/serviceaccounts/default')).status === 200;
}

async function dnsAnswers(server: string): Promise<boolean> {
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([server]);
  const addresses = await resolver.resolve4(`kubernetes.default.svc.${network.clusterDomain}`);
  return addresses.includes(network.apiServiceAddress);
}
