import { network } from './addresses.ts';
import type { ApiClient } from './api-client.ts';

/** What every cluster has and a bare API server has not: access for the DNS server, and its Service. */
export async function applyClusterObjects(api: ApiClient): Promise<void> {
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const dnsName = 'seks-test-dns';
  await api.apply(`${rbac}/clusterroles/${dnsName}`, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: dnsName },
    rules: [
      { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
    ],
  });
  await api.apply(`${rbac}/clusterrolebindings/${dnsName}`, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: dnsName },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: dnsName },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'seks:dns' }],
  });
  const portsOf = [
    { name: 'dns', port: 53, protocol: 'UDP' },
    { name: 'dns-tcp', port: 53, protocol: 'TCP' },
  ];
  // No selector: the DNS server is a process of the node.
  await api.apply('/api/v1/namespaces/kube-system/services/kube-dns', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kube-dns', labels: { 'k8s-app': 'kube-dns' } },
    spec: { clusterIP: network.dnsServiceAddress, ports: portsOf },
  });
  await api.apply('/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices/kube-dns-node', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kube-dns-node', labels: { 'kubernetes.io/service-name': 'kube-dns' } },
    addressType: 'IPv4',
    ports: portsOf,
    endpoints: [{ addresses: [network.nodeAddress], conditions: { ready: true } }],
  });
}
