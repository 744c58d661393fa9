// How one container's list of variables changes: ours go to the front, so that the author's own may refer to them as
// $(NAME); what stands in the way is replaced with a warning, or refused.
import { SeksError } from '@seks/crds';

import { placeOf } from './finding.ts';
import { LOOPBACK } from './intercept-variables.ts';
import type { Amenity } from './intercept-variables.ts';
import type { PlacedContainer, RawContainer, RawEnvVar } from './raw-pod.ts';
import type { Variable } from './variables.ts';

/** a variable and the credential that claims it, as `binding/credential` */
export interface Claim extends Variable {
  owner: string;
}

export interface EnvChange {
  /** indices to remove, highest first */
  remove: number[];
  /** values to replace where they stand */
  replace: { index: number; value: string }[];
  /** variables to put in front, in this order */
  insert: Variable[];
  warnings: string[];
}

const PROXY_NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]);
const NO_PROXY_NAMES = ['NO_PROXY', 'no_proxy'];

/** what a container gets besides the variables of its credentials */
export interface EnvSettings {
  /** set unless the container sets them itself */
  amenities: readonly Amenity[];
  /** hosts for NO_PROXY where the amenities make the sidecar the container's proxy */
  bypass: readonly string[];
}

/**
 * @throws SeksError SEKS_INJECT_ENV_CONFLICT if two credentials claim a name with different values, and
 * SEKS_INJECT_ENV_VALUE_FROM if the container takes a claimed name from elsewhere
 */
export function planEnv(
  place: PlacedContainer,
  claims: readonly Claim[],
  { amenities, bypass }: EnvSettings,
): EnvChange {
  const wanted = settleClaims(place, claims);
  const env = place.container.env ?? [];
  const taken = env.flatMap(({ name }, index) => (wanted.has(name) ? [index] : []));
  const warnings: string[] = [];
  for (const index of taken) warnings.push(replaceWarning(place, env[index], wanted));
  if (wanted.size > 0 && (place.container.envFrom ?? []).length > 0) {
    warnings.push(`${placeOf(place)}: variables of the binding win over those from envFrom.`);
  }
  const change: EnvChange = {
    remove: taken.reverse(),
    replace: [],
    insert: [...wanted].map(([name, { value }]) => ({ name, value })),
    warnings,
  };
  if (wanted.size === 0) return change;
  for (const amenity of amenities) addAmenity(place, change, amenity);
  const isOurs = change.insert.some(({ name }) => name === 'HTTPS_PROXY');
  if (isOurs) return keepFromProxy(place, change, bypass, 'no provider is called through the sidecar there');
  return usesProxy(place.container) ? keepFromProxy(place, change, LOOPBACK) : change;
}

/** the container's own value counts, wherever it comes from */
function addAmenity(place: PlacedContainer, change: EnvChange, { names, value, otherwise }: Amenity): void {
  const claimed = new Set(change.insert.map(({ name }) => name));
  const free = names.filter((name) => !claimed.has(name));
  const own = (place.container.env ?? []).filter(({ name }) => free.includes(name));
  const other = own.find((variable) => variable.value !== value);
  if (other !== undefined) {
    change.warnings.push(`${placeOf(place)}: ${other.name} ${otherwise}.`);
    return;
  }
  const lacking = free.filter((name) => own.every((variable) => variable.name !== name));
  change.insert.push(...lacking.map((name) => ({ name, value })));
}

function settleClaims(place: PlacedContainer, claims: readonly Claim[]): Map<string, Claim> {
  const wanted = new Map<string, Claim>();
  for (const claim of claims) {
    const earlier = wanted.get(claim.name);
    // Two credentials of one provider share its base URL and constants.
    if (earlier !== undefined && earlier.value !== claim.value) {
      throw new SeksError(
        'SEKS_INJECT_ENV_CONFLICT',
        `${placeOf(place)}: ${claim.name} is claimed by ${earlier.owner} and ${claim.owner}.`,
      );
    }
    if (earlier === undefined) wanted.set(claim.name, claim);
  }
  return wanted;
}

function replaceWarning(
  place: PlacedContainer,
  variable: RawEnvVar | undefined,
  wanted: ReadonlyMap<string, Claim>,
): string {
  const name = variable?.name ?? '';
  if (variable?.valueFrom !== undefined) {
    throw new SeksError('SEKS_INJECT_ENV_VALUE_FROM', `${placeOf(place)}: ${name} has valueFrom.`);
  }
  return `${placeOf(place)}: ${name} is replaced by the value of ${wanted.get(name)?.owner}.`;
}

function usesProxy(container: RawContainer): boolean {
  return (container.env ?? []).some(
    ({ name, value }) => PROXY_NAMES.includes(name) && value !== undefined && value !== '',
  );
}

/** sees to it that NO_PROXY holds these hosts; an own value that is not literal is left with a warning */
function keepFromProxy(
  place: PlacedContainer,
  change: EnvChange,
  hosts: readonly string[],
  ifForAll?: string,
): EnvChange {
  const env = place.container.env ?? [];
  const claimed = new Set(change.insert.map(({ name }) => name));
  const names = NO_PROXY_NAMES.filter((name) => !claimed.has(name));
  const present = env.flatMap((variable, index) =>
    names.includes(variable.name) ? [{ ...variable, index }] : [],
  );
  const warnings = [...change.warnings];
  if (present.length === 0) {
    if (usesProxy(place.container)) {
      warnings.push(
        `${placeOf(place)}: ${names.join(' and ')} set, so that the proxy is not used for the sidecar.`,
      );
    }
    const value = hosts.join(',');
    return { ...change, insert: [...change.insert, ...names.map((name) => ({ name, value }))], warnings };
  }
  const replace: EnvChange['replace'] = [];
  for (const { name, value = '', valueFrom, index } of present) {
    const listed = value.split(',').map((entry) => entry.trim());
    const lacking = listed.includes('*') ? [] : hosts.filter((host) => !listed.includes(host));
    if (listed.includes('*') && ifForAll !== undefined) {
      warnings.push(`${placeOf(place)}: ${name} is for all hosts, so ${ifForAll}.`);
    }
    if (valueFrom !== undefined) {
      warnings.push(`${placeOf(place)}: ${name} must hold ${hosts.join(',')}, but has valueFrom.`);
    } else if (lacking.length > 0) {
      warnings.push(`${placeOf(place)}: ${lacking.join(',')} added to ${name}.`);
      replace.push({ index, value: [...(value === '' ? [] : [value]), ...lacking].join(',') });
    }
  }
  return { ...change, replace, warnings };
}
