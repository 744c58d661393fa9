import { attempt, findProgram, run } from '../command.ts';
import { network } from './addresses.ts';

const ip = (): string => findProgram('ip') ?? 'ip';

/** Before the API server starts, because that listens on the bridge's address. */
export async function ensureBridge(): Promise<void> {
  const { bridge, nodeAddress, podPrefixLength } = network;
  if ((await attempt(ip(), ['link', 'show', 'dev', bridge])).code !== 0) {
    await run(ip(), ['link', 'add', 'name', bridge, 'type', 'bridge']);
  }
  const addresses = await run(ip(), ['-4', 'addr', 'show', 'dev', bridge]);
  if (!addresses.includes(`inet ${nodeAddress}/${podPrefixLength}`)) {
    await run(ip(), ['addr', 'add', `${nodeAddress}/${podPrefixLength}`, 'dev', bridge]);
  }
  await run(ip(), ['link', 'set', 'dev', bridge, 'up']);
}

/** Somebody else's route into our ranges would send our packets their way. */
export async function conflictingRoute(): Promise<string | undefined> {
  const routes = (await attempt(ip(), ['-4', 'route', 'show', 'table', 'all'])).stdout;
  return routes
    .split('\n')
    .find((route) => /(^|\s)10\.23[12]\./.test(route) && !route.includes(`dev ${network.bridge}`));
}

export async function removeBridge(): Promise<void> {
  await attempt(ip(), ['link', 'delete', 'dev', network.bridge, 'type', 'bridge']);
}
