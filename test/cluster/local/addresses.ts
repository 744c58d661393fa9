/**
 * Addresses, ports and names of the single-node cluster: chosen from corners of the private ranges and of the port
 * space that other clusters, Docker and VPNs seldom use, so that it can stand beside them.
 */
export const network = {
  bridge: 'seks0',
  /** The node's address, and the gateway of its pods; API server, kubelet and DNS listen on it */
  nodeAddress: '10.231.0.1',
  podPrefixLength: 22,
  podCidr: '10.231.0.0/22',
  serviceCidr: '10.232.0.0/16',
  /** The first of the range belongs to the `kubernetes` Service */
  apiServiceAddress: '10.232.0.1',
  dnsServiceAddress: '10.232.0.10',
  clusterDomain: 'cluster.local',
  cniName: 'seks-test-cluster',
} as const;

export const ports = {
  apiServer: 26443,
  etcdClient: 26379,
  etcdPeer: 26380,
  kubelet: 26250,
  kubeletHealth: 26248,
  proxyMetrics: 26249,
  proxyHealth: 26256,
  controllerManager: 26257,
  scheduler: 26259,
  dnsHealth: 26253,
  dns: 53,
} as const;

export const nodeName = 'seks-test-node';
/** Parent of all pods' cgroups; a name of our own, so that removing it on `down` can hit nobody else's */
export const cgroupName = 'seks-test-cluster';
export const apiServerUrl = `https://${network.nodeAddress}:${ports.apiServer}`;
export const maxPods = 250;
