import { kubernetesVersion, versions } from '../versions.ts';

export type ToolSet = 'kubernetes' | 'helm' | 'coredns' | 'kwok' | 'kubeconform';

export interface Download {
  readonly url: string;
  /** Holds the SHA-256 in hexadecimal as its first word */
  readonly checksumUrl: string;
  /** Path of the binary inside the .tar.gz; absent when the download is the binary itself */
  readonly memberOfArchive?: string;
}

/** A group of binaries that are built together. */
export interface ToolSource {
  readonly set: ToolSet;
  readonly version: string;
  readonly binaries: readonly string[];
  readonly download: (binary: string, arch: string) => Download | undefined;
  /** Go packages to build; those of Kubernetes need a module around them, see `kubernetes-module.ts` */
  readonly goPackages: readonly string[];
  readonly goLinkerVariables: Readonly<Record<string, string>>;
}

const kubernetes = kubernetesVersion();
export const kubernetesBinaries = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'kubectl',
] as const;

export const toolSources: Readonly<Record<ToolSet, ToolSource>> = {
  kubernetes: {
    set: 'kubernetes',
    version: kubernetes.git,
    binaries: kubernetesBinaries,
    download: (binary, arch) => {
      const url = `https://dl.k8s.io/${kubernetes.git}/bin/linux/${arch}/${binary}`;
      return { url, checksumUrl: `${url}.sha256` };
    },
    goPackages: kubernetesBinaries.map((name) => `k8s.io/kubernetes/cmd/${name}`),
    // Without these the API server calls itself v0.0.0 and Helm's kubeVersion refuses it.
    goLinkerVariables: Object.fromEntries(
      ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((path) => [
        [`${path}.gitVersion`, kubernetes.git],
        [`${path}.gitMajor`, kubernetes.major],
        [`${path}.gitMinor`, kubernetes.minor],
        [`${path}.gitTreeState`, 'clean'],
      ]),
    ),
  },
  helm: {
    set: 'helm',
    version: `v${versions.helm}`,
    binaries: ['helm'],
    download: (_binary, arch) => {
      const url = `https://get.helm.sh/helm-v${versions.helm}-linux-${arch}.tar.gz`;
      return { url, checksumUrl: `${url}.sha256sum`, memberOfArchive: `linux-${arch}/helm` };
    },
    goPackages: [`helm.sh/helm/v3/cmd/helm@v${versions.helm}`],
    // `helm template` and `helm lint` have no cluster to ask and go by these.
    goLinkerVariables: {
      'helm.sh/helm/v3/internal/version.version': `v${versions.helm}`,
      'helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor': kubernetes.major,
      'helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor': kubernetes.minor,
      'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor': kubernetes.major,
      'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor': kubernetes.minor,
    },
  },
  coredns: {
    set: 'coredns',
    version: `v${versions.coredns}`,
    binaries: ['coredns'],
    download: (_binary, arch) => {
      const base = `https://github.com/coredns/coredns/releases/download/v${versions.coredns}`;
      const url = `${base}/coredns_${versions.coredns}_linux_${arch}.tgz`;
      return { url, checksumUrl: `${url}.sha256`, memberOfArchive: 'coredns' };
    },
    goPackages: [`github.com/coredns/coredns@v${versions.coredns}`],
    goLinkerVariables: {},
  },
  kwok: {
    set: 'kwok',
    version: `v${versions.kwok}`,
    binaries: ['kwok'],
    // Its releases carry no checksum file, so there is nothing to check a download against.
    download: () => undefined,
    goPackages: [`sigs.k8s.io/kwok/cmd/kwok@v${versions.kwok}`],
    goLinkerVariables: { 'sigs.k8s.io/kwok/pkg/consts.Version': `v${versions.kwok}` },
  },
  kubeconform: {
    set: 'kubeconform',
    version: `v${versions.kubeconform}`,
    binaries: ['kubeconform'],
    download: () => undefined,
    goPackages: [`github.com/yannh/kubeconform/cmd/kubeconform@v${versions.kubeconform}`],
    goLinkerVariables: { 'main.version': `v${versions.kubeconform}` },
  },
};

/** The set that a binary belongs to; undefined for those that come from Debian. */
export function setOfBinary(binary: string): ToolSet | undefined {
  return Object.values(toolSources).find((source) => source.binaries.includes(binary))?.set;
}
