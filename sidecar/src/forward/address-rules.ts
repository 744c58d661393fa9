// Which addresses a provider's name may resolve to. Without this, whoever controls a DNS answer could point the sidecar
// at the node's metadata service, at other pods, or at the agent itself (S6).
import { BlockList, isIP, isIPv6 } from 'node:net';

/** `Private` allows private networks; loopback, link-local and metadata addresses are refused in both */
export type Network = 'Public' | 'Private';

const ALWAYS_REFUSED: readonly [string, number][] = [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  // Metadata services outside of link-local: Alibaba, Oracle, Azure's wire server.
  ['100.100.100.200', 32],
  ['192.0.0.192', 32],
  ['168.63.129.16', 32],
  ['::', 128],
  ['::1', 128],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  // AWS and Google metadata over IPv6.
  ['fd00:ec2::', 32],
  ['fd20:ce::254', 128],
];

const PRIVATE: readonly [string, number][] = [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['fc00::', 7],
  ['100::', 64],
  ['2001:db8::', 32],
];

/** IPv6 ranges that carry an IPv4 address, which the rules would have to be applied to; nobody publishes an API there */
const EMBEDDED: readonly [string, number][] = [
  ['::', 96],
  ['::ffff:0:0', 96],
  ['::ffff:0:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2001::', 32],
  ['2002::', 16],
];

const always = rules([...ALWAYS_REFUSED, ...EMBEDDED]);
const privates = rules(PRIVATE);

/** whether a connection to the address may be opened; what is not an address may not */
export function mayDial(address: string, network: Network): boolean {
  // A zone (`fe80::1%eth0`) means link-local.
  if (isIP(address) === 0 || address.includes('%')) return false;
  if (always(address)) return false;
  return network === 'Private' || !privates(address);
}

/** two lists, because a BlockList takes an IPv4 address for a member of ::ffff:0:0/96 */
function rules(ranges: readonly [string, number][]): (address: string) => boolean {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const [base, prefix] of ranges) lists[familyOf(base)].addSubnet(base, prefix, familyOf(base));
  return (address) => lists[familyOf(address)].check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}
