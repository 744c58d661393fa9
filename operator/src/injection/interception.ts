// Which provider hosts lead to the sidecar, and whether the pod lets them: HostAlias needs lines of /etc/hosts and a port below
// 1024, both of which the pod's author may have settled otherwise.
import { ALIAS_PORT, interceptableHosts } from '@seks/crds';
import type { InjectionConfig, InterceptMode } from '@seks/crds';

import type { Finding } from './finding.ts';
import { placeOf } from './finding.ts';
import type { BindingGrants } from './grants.ts';
import { placedContainers } from './raw-pod.ts';
import type { RawPod } from './raw-pod.ts';
import type { BoundCredential } from './variables.ts';

export type Interception = InjectionConfig['interception'];

/** where the pod's /etc/hosts sends aliased hosts; the sidecar listens on no other address */
export const ALIAS_ADDRESS = '127.0.0.1';

/** lets the sidecar, which is not root, listen on port 443; a "safe" sysctl, which every Pod Security Standard admits */
export const PORT_SYSCTL = { name: 'net.ipv4.ip_unprivileged_port_start', value: '0' };

/**
 * Hosts of these credentials by intercept mode. Where a container is told to use the proxy, its clients do so for aliased hosts as
 * well, so the proxy serves them too.
 */
export function interceptionOf(credentials: readonly BoundCredential[]): Interception {
  const aliases = hostsOf(credentials, 'HostAlias');
  const proxied = hostsOf(credentials, 'Proxy');
  return { aliases, proxied: proxied.length === 0 ? [] : [...new Set([...aliases, ...proxied])].sort() };
}

/** credentials that some container of the pod gets */
export function grantedCredentials(granted: readonly BindingGrants[]): BoundCredential[] {
  return granted.flatMap(({ grants }) => grants.filter(({ tokens }) => tokens.size > 0));
}

/** modes of the credentials that one container gets */
export function modesIn(container: string, granted: readonly BindingGrants[]): Set<InterceptMode> {
  return new Set(
    granted.flatMap(({ grants }) =>
      grants.flatMap(({ modes, tokens }) => (tokens.has(container) ? modes : [])),
    ),
  );
}

/** the first setting of the pod that keeps aliased hosts from the sidecar */
export function interceptFinding(pod: RawPod, { aliases }: Interception): Finding | undefined {
  if (aliases.length === 0) return undefined;
  const { hostAliases = [], os } = pod.spec;
  if (os?.name === 'windows') return conflict('spec.os.name is windows, where HostAlias does not work.');
  for (const [index, { ip, hostnames = [] }] of hostAliases.entries()) {
    const host = hostnames.find((name) => aliases.includes(name.toLowerCase()));
    if (host !== undefined && ip !== ALIAS_ADDRESS) {
      return conflict(`spec.hostAliases[${index}] points ${host} to another address than ${ALIAS_ADDRESS}.`);
    }
  }
  if (portSysctlsOf(pod).every(({ value }) => Number(value) <= ALIAS_PORT)) return undefined;
  return conflict(`The sysctl ${PORT_SYSCTL.name} must be at most ${ALIAS_PORT}.`);
}

/** the pod's own settings of it; the kubelet takes `/` for `.` in the name, too */
export function portSysctlsOf(pod: RawPod): { value: string }[] {
  return (pod.spec.securityContext?.sysctls ?? []).filter(
    ({ name }) => name.replaceAll('/', '.') === PORT_SYSCTL.name,
  );
}

/** what works otherwise than the authors of binding and pod may expect */
export function interceptWarnings(pod: RawPod, granted: readonly BindingGrants[]): string[] {
  const warnings = granted.flatMap(({ binding, grants }) =>
    grants.filter(isOutOfReach).map(({ credential, provider }) => {
      const names = `${binding.metadata.name}/${credential.name}`;
      return `${names}: ${provider.name} has no host that HostAlias or Proxy can serve; use BaseURL.`;
    }),
  );
  const { aliases } = interceptionOf(grantedCredentials(granted));
  if (aliases.length === 0) return warnings;
  for (const place of placedContainers(pod)) {
    const { name, ports = [] } = place.container;
    if (
      ports.some(({ containerPort, protocol = 'TCP' }) => containerPort === ALIAS_PORT && protocol === 'TCP')
    ) {
      warnings.push(
        `${placeOf(place)} has containerPort ${ALIAS_PORT}; the sidecar listens there on ${ALIAS_ADDRESS}, ` +
          'so listening on all addresses fails.',
      );
    }
    if (!modesIn(name, granted).has('HostAlias')) {
      warnings.push(
        `${placeOf(place)} has no credential for ${aliases.join(', ')}, but also there such calls lead to the sidecar.`,
      );
    }
  }
  return warnings;
}

function hostsOf(credentials: readonly BoundCredential[], mode: InterceptMode): string[] {
  const hosts = credentials.flatMap(({ provider, modes }) =>
    modes.includes(mode) ? interceptableHosts(provider) : [],
  );
  return [...new Set(hosts)].sort();
}

function isOutOfReach({ credential, provider, modes }: BoundCredential): boolean {
  if (modes.includes('BaseURL') || credential.env?.baseUrl !== undefined) return false;
  return interceptableHosts(provider).length === 0;
}

function conflict(detail: string): Finding {
  return { code: 'SEKS_INJECT_INTERCEPT_CONFLICT', detail };
}
