/** Everything whose version is chosen here. Debian's own packages come in the version that Debian has. */
export const versions = {
  // Not every patch release publishes all of its staging modules, which the build from source needs.
  kubernetes: '1.34.4',
  helm: '3.19.5',
  coredns: '1.13.1',
  kwok: '0.7.0',
  kubeconform: '0.7.0',
  node: '24',
} as const;

export interface KubernetesVersion {
  readonly git: string;
  readonly major: string;
  readonly minor: string;
  readonly patch: string;
}

export function kubernetesVersion(version: string = versions.kubernetes): KubernetesVersion {
  const [major = '', minor = '', patch = ''] = version.split('.');
  return { git: `v${version}`, major, minor, patch };
}
