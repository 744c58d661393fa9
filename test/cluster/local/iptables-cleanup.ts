import { attempt, findProgram } from '../command.ts';

export interface Ownership {
  /** The CNI network whose rules are ours */
  readonly cniName: string;
  /** Whether the KUBE-* chains are ours: true where there was none before the cluster came up */
  readonly kubeChains: boolean;
}

/**
 * The `iptables-restore --noflush` input that removes our chains and the rules that jump to them, table by table,
 * and leaves everybody else's; undefined where nothing of ours is there.
 */
export function removalScript(saved: string, ownership: Ownership): string | undefined {
  const tables: string[] = [];
  for (const table of parseTables(saved)) {
    const ours = new Set(table.chains.filter((chain) => isOurs(chain, table.rules, ownership)));
    if (ours.size === 0) continue;
    const deletions = table.rules
      .filter((rule) => !ours.has(chainOf(rule)) && ours.has(targetOf(rule) ?? ''))
      .map((rule) => rule.replace(/^-A /, '-D '));
    // In restore's language `:CHAIN - [0:0]` empties a chain that exists; only empty ones can be deleted.
    const flushes = [...ours].map((chain) => `:${chain} - [0:0]`);
    const removals = [...ours].map((chain) => `-X ${chain}`);
    tables.push([`*${table.name}`, ...flushes, ...deletions, ...removals, 'COMMIT'].join('\n'));
  }
  return tables.length === 0 ? undefined : `${tables.join('\n')}\n`;
}

export function hasKubeChains(saved: string): boolean {
  return /^:KUBE-/m.test(saved);
}

export async function savedRules(family: 'iptables' | 'ip6tables'): Promise<string> {
  const program = findProgram(`${family}-save`);
  return program === undefined ? '' : (await attempt(program, [])).stdout;
}

export async function removeRules(ownership: Ownership): Promise<void> {
  for (const family of ['iptables', 'ip6tables'] as const) {
    const script = removalScript(await savedRules(family), ownership);
    const program = findProgram(`${family}-restore`);
    if (script !== undefined && program !== undefined) {
      await attempt(program, ['--noflush', '--wait', '10'], { input: script });
    }
  }
}

interface Table {
  readonly name: string;
  readonly chains: string[];
  readonly rules: string[];
}

function parseTables(saved: string): Table[] {
  const tables: Table[] = [];
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) tables.push({ name: line.slice(1), chains: [], rules: [] });
    else if (line.startsWith(':')) tables.at(-1)?.chains.push(line.slice(1).split(' ')[0] ?? '');
    else if (line.startsWith('-A ')) tables.at(-1)?.rules.push(line);
  }
  return tables;
}

function isOurs(chain: string, rules: readonly string[], ownership: Ownership): boolean {
  if (chain.startsWith('KUBE-')) return ownership.kubeChains;
  if (!chain.startsWith('CNI-')) return false;
  // The plugins write the network's name into the comment of each rule that leads to a pod's chain.
  const named = rules.filter((rule) => targetOf(rule) === chain || chainOf(rule) === chain);
  if (named.length > 0) return named.some((rule) => rule.includes(ownership.cniName));
  return false;
}

const chainOf = (rule: string): string => rule.split(' ')[1] ?? '';
const targetOf = (rule: string): string | undefined => / -[jg] (\S+)/.exec(rule)?.[1];
