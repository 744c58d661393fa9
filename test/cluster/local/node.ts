import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CannotRunHere } from '../failures.ts';
import type { ProcessSpec } from '../owned-process.ts';
import type { ClusterPaths } from '../paths.ts';
import { cgroupName, maxPods, network, nodeName, ports } from './addresses.ts';
import { componentKubeconfigPath } from './kubeconfig.ts';

/** A process together with the configuration files that it reads, by path. */
export interface ConfiguredProcess {
  readonly spec: ProcessSpec;
  readonly files: Readonly<Record<string, string>>;
}

export const pauseImage = 'localhost/seks-test-pause:1';

type Program = (name: string) => string;

function configured(
  spec: Omit<ProcessSpec, 'reads'>,
  files: Readonly<Record<string, string>>,
): ConfiguredProcess {
  return { spec: { ...spec, reads: Object.values(files) }, files };
}

/** JSON is YAML, which is what the components of Kubernetes read. */
const asYaml = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

export function containerd(paths: ClusterPaths, program: Program): ConfiguredProcess {
  const configFile = join(paths.config, 'containerd.toml');
  const config = `version = 2
root = "${join(paths.state, 'containerd')}"
state = "${join(paths.run, 'containerd')}"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]

[grpc]
  address = "${paths.containerdSocket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "${join(paths.state, 'containerd-opt')}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Below the state folder and not in /run/netns, which "ip netns add" mounts over.
  netns_mounts_under_state_dir = true
  # Without CAP_SYS_RESOURCE, as inside a container, no process may lower its own score.
  restrict_oom_score_adj = true
  disable_apparmor = ${existsSync('/sys/kernel/security/apparmor') ? 'false' : 'true'}
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${findCniPlugins()}"
    conf_dir = "${join(paths.config, 'cni')}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`;
  const cniFile = join(paths.config, 'cni', '10-seks.conflist');
  return configured(
    { name: 'containerd', program: program('containerd'), args: ['--config', configFile] },
    { [configFile]: config, [cniFile]: asYaml(cniConfig(paths)) },
  );
}

function cniConfig(paths: ClusterPaths): object {
  return {
    cniVersion: '1.0.0',
    name: network.cniName,
    plugins: [
      {
        type: 'bridge',
        bridge: network.bridge,
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          dataDir: join(paths.state, 'cni'),
          ranges: [[{ subnet: network.podCidr, gateway: network.nodeAddress }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

const cniFolders = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'];

export function hasCniPlugins(folders: readonly string[] = cniFolders): boolean {
  return folders.some((folder) => existsSync(join(folder, 'bridge')));
}

function findCniPlugins(): string {
  const found = cniFolders.find((folder) => hasCniPlugins([folder]));
  if (found === undefined) {
    throw new CannotRunHere(
      'the CNI plugins are missing',
      'install them (Debian: containernetworking-plugins)',
    );
  }
  return found;
}

export function kubelet(paths: ClusterPaths, program: Program): ConfiguredProcess {
  const configFile = join(paths.config, 'kubelet.yaml');
  const config = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: network.nodeAddress,
    port: ports.kubelet,
    readOnlyPort: 0,
    healthzBindAddress: '127.0.0.1',
    healthzPort: ports.kubeletHealth,
    tlsCertFile: join(paths.pki, 'kubelet-server.crt'),
    tlsPrivateKeyFile: join(paths.pki, 'kubelet-server.key'),
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true, cacheTTL: '10s' },
      x509: { clientCAFile: join(paths.pki, 'ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    clusterDomain: network.clusterDomain,
    clusterDNS: [network.nodeAddress],
    containerRuntimeEndpoint: `unix://${paths.containerdSocket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroupName}`,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    // A developer's disk is often fuller than a node's should be.
    evictionHard: {
      'memory.available': '100Mi',
      'nodefs.available': '1%',
      'imagefs.available': '1%',
      'nodefs.inodesFree': '1%',
    },
    imageGCHighThresholdPercent: 99,
    imageGCLowThresholdPercent: 98,
    // Images are imported by hand and are not to be found in any registry: never collect them.
    imageMaximumGCAge: '0s',
    imageMinimumGCAge: '720h',
    maxPods,
    podLogsDir: join(paths.state, 'pod-logs'),
    volumePluginDir: join(paths.state, 'volume-plugins'),
    resolvConf: '/etc/resolv.conf',
    serializeImagePulls: false,
    registryPullQPS: 0,
    eventRecordQPS: 0,
    // Faster than usual, so that tests need not wait for the status of their pods.
    nodeStatusUpdateFrequency: '5s',
    shutdownGracePeriod: '0s',
  };
  return configured(
    {
      name: 'kubelet',
      program: program('kubelet'),
      args: [
        `--config=${configFile}`,
        `--kubeconfig=${componentKubeconfigPath(paths.config, 'kubelet')}`,
        `--root-dir=${join(paths.state, 'kubelet')}`,
        `--hostname-override=${nodeName}`,
        `--node-ip=${network.nodeAddress}`,
      ],
    },
    { [configFile]: asYaml(config) },
  );
}

export function kubeProxy(paths: ClusterPaths, program: Program): ConfiguredProcess {
  const configFile = join(paths.config, 'kube-proxy.yaml');
  const config = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    hostnameOverride: nodeName,
    clusterCIDR: network.podCidr,
    bindAddress: '0.0.0.0',
    healthzBindAddress: `127.0.0.1:${ports.proxyHealth}`,
    metricsBindAddress: `127.0.0.1:${ports.proxyMetrics}`,
    clientConnection: { kubeconfig: componentKubeconfigPath(paths.config, 'proxy') },
    // The machine's conntrack settings are not ours to change (and may not be writable).
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    iptables: { minSyncPeriod: '100ms', syncPeriod: '30s' },
  };
  return configured(
    { name: 'kube-proxy', program: program('kube-proxy'), args: [`--config=${configFile}`] },
    { [configFile]: asYaml(config) },
  );
}

/** Runs on the node itself: one image less to make, and DNS answers before the first pod runs. */
export function coreDns(paths: ClusterPaths, program: Program): ConfiguredProcess {
  const configFile = join(paths.config, 'Corefile');
  const config = `.:${ports.dns} {
  bind ${network.nodeAddress}
  errors
  health 127.0.0.1:${ports.dnsHealth}
  kubernetes ${network.clusterDomain} in-addr.arpa ip6.arpa {
    kubeconfig ${componentKubeconfigPath(paths.config, 'dns')}
    pods insecure
    fallthrough in-addr.arpa ip6.arpa
    ttl 5
  }
  forward . /etc/resolv.conf
  cache 5 {
    disable success ${network.clusterDomain}
    disable denial ${network.clusterDomain}
  }
  loadbalance
}
`;
  return configured(
    { name: 'coredns', program: program('coredns'), args: ['-conf', configFile] },
    { [configFile]: config },
  );
}
