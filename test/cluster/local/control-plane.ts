import { join } from 'node:path';
import type { ProcessSpec } from '../owned-process.ts';
import type { ClusterPaths } from '../paths.ts';
import { network, ports } from './addresses.ts';
import { componentKubeconfigPath } from './kubeconfig.ts';

export interface ControlPlaneOptions {
  readonly paths: ClusterPaths;
  /** Where a binary is */
  readonly program: (name: string) => string;
  /** Off by default: it is slow, and most tests have no use for it */
  readonly auditLog: boolean;
}

export function etcd({ paths, program }: ControlPlaneOptions): ProcessSpec {
  const clientUrl = `http://127.0.0.1:${ports.etcdClient}`;
  const peerUrl = `http://127.0.0.1:${ports.etcdPeer}`;
  return {
    name: 'etcd',
    program: program('etcd'),
    args: [
      '--name=seks',
      `--data-dir=${join(paths.state, 'etcd')}`,
      `--listen-client-urls=${clientUrl}`,
      `--advertise-client-urls=${clientUrl}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=seks=${peerUrl}`,
      // Test data: speed matters, surviving a power cut does not.
      '--unsafe-no-fsync',
      '--auto-compaction-retention=1',
    ],
  };
}

export function apiServer({ paths, program, auditLog }: ControlPlaneOptions): ProcessSpec {
  const pki = (file: string): string => join(paths.pki, file);
  const auditPolicy = join(paths.config, 'audit-policy.yaml');
  return {
    name: 'kube-apiserver',
    program: program('kube-apiserver'),
    args: [
      `--etcd-servers=http://127.0.0.1:${ports.etcdClient}`,
      `--bind-address=${network.nodeAddress}`,
      // Becomes the endpoint of the `kubernetes` Service, through which pods reach the API.
      `--advertise-address=${network.nodeAddress}`,
      `--secure-port=${ports.apiServer}`,
      `--service-cluster-ip-range=${network.serviceCidr}`,
      `--client-ca-file=${pki('ca.crt')}`,
      `--tls-cert-file=${pki('apiserver.crt')}`,
      `--tls-private-key-file=${pki('apiserver.key')}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      `--service-account-issuer=https://kubernetes.default.svc`,
      `--service-account-key-file=${pki('service-account.pub')}`,
      `--service-account-signing-key-file=${pki('service-account.key')}`,
      '--allow-privileged=true',
      `--kubelet-certificate-authority=${pki('ca.crt')}`,
      `--kubelet-client-certificate=${pki('apiserver-kubelet-client.crt')}`,
      `--kubelet-client-key=${pki('apiserver-kubelet-client.key')}`,
      // By name it would try to resolve the node's, which no DNS server knows.
      '--kubelet-preferred-address-types=InternalIP',
      `--requestheader-client-ca-file=${pki('front-proxy-ca.crt')}`,
      '--requestheader-allowed-names=front-proxy-client',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-username-headers=X-Remote-User',
      `--proxy-client-cert-file=${pki('front-proxy-client.crt')}`,
      `--proxy-client-key-file=${pki('front-proxy-client.key')}`,
      // Tests start and stop it often; nobody waits for a load balancer.
      '--shutdown-delay-duration=0s',
      ...(auditLog
        ? [
            `--audit-policy-file=${auditPolicy}`,
            `--audit-log-path=${join(paths.logs, 'audit.log')}`,
            '--audit-log-maxsize=200',
          ]
        : []),
    ],
  };
}

/** Never the bodies of Secrets, tokens or sealed documents: who did what to which object is what tests ask. */
export const auditPolicyText =
  'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{ level: Metadata }]\n';

export function controllerManager({ paths, program }: ControlPlaneOptions): ProcessSpec {
  const pki = (file: string): string => join(paths.pki, file);
  const kubeconfig = componentKubeconfigPath(paths.config, 'controller-manager');
  return {
    name: 'kube-controller-manager',
    program: program('kube-controller-manager'),
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${ports.controllerManager}`,
      `--cluster-signing-cert-file=${pki('ca.crt')}`,
      `--cluster-signing-key-file=${pki('ca.key')}`,
      `--root-ca-file=${pki('ca.crt')}`,
      `--service-account-private-key-file=${pki('service-account.key')}`,
      '--use-service-account-credentials=true',
      // A single node whose pods get their addresses from a fixed range.
      '--allocate-node-cidrs=false',
      // There is only one of it; leases would only slow a restart down.
      '--leader-elect=false',
    ],
  };
}

export function scheduler({ paths, program }: ControlPlaneOptions): ProcessSpec {
  const kubeconfig = componentKubeconfigPath(paths.config, 'scheduler');
  return {
    name: 'kube-scheduler',
    program: program('kube-scheduler'),
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${ports.scheduler}`,
      '--leader-elect=false',
    ],
  };
}
