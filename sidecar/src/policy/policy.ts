// Which routes a credential may be used for. Deny beats allow, and what nothing allows is denied (S7, S13).
import type { RouteRule } from '@seks/crds';

import { compileGlob, type Glob } from './glob.ts';

/** rules as they come with a lease */
export interface PolicyRules {
  allow: readonly RouteRule[];
  deny: readonly RouteRule[];
}

export interface Decision {
  allowed: boolean;
  /** the glob that decided, for the audit; undefined if no rule matched */
  route: string | undefined;
}

/** a compiled policy */
export interface Policy {
  /**
   * decides by method, host (as the provider document writes it) and plain (not percent-encoded) path
   *
   * @param keyed false: the host never gets the key, so nothing of it can be spent there; only deny rules count
   */
  decide(method: string, host: string, plainPath: string, keyed?: boolean): Decision;
}

interface CompiledRule {
  methods: ReadonlySet<string> | undefined;
  hosts: ReadonlySet<string> | undefined;
  pattern: string;
  glob: Glob;
}

/** stands in the audit for all paths of hosts without credential: they are signed, and signatures are credentials */
const UNKEYED_ROUTE = '/**';

const MAX_REMEMBERED = 512;
const MAX_REMEMBERED_LENGTH = 256;

/** compiles the rules of one credential, once for each lease */
export function compilePolicy(rules: PolicyRules): Policy {
  const allow = rules.allow.flatMap((rule) => compileRule(rule, (pattern) => pattern));
  // Some servers route without regard to case, so a deny rule matches without regard to it.
  const deny = rules.deny.flatMap((rule) => compileRule(rule, (pattern) => pattern.toLowerCase()));
  const decide = (method: string, host: string, path: string, keyed = true): Decision => {
    const denied = find(deny, method, host, spellings(path));
    if (denied !== undefined) return { allowed: false, route: denied };
    if (!keyed) return { allowed: true, route: UNKEYED_ROUTE };
    const allowed = find(allow, method, host, [path]);
    return { allowed: allowed !== undefined, route: allowed };
  };
  return remember(decide);
}

/** agents call the same few routes over and over; the memory is bounded because they choose the paths */
function remember(decide: Policy['decide']): Policy {
  const known = new Map<string, Decision>();
  return {
    decide(method, host, path, keyed) {
      // Signed paths never come again.
      if (keyed === false) return decide(method, host, path, keyed);
      const key = `${method} ${host}${path}`;
      const before = known.get(key);
      if (before !== undefined) return before;
      const decision = decide(method, host, path);
      if (known.size >= MAX_REMEMBERED) known.clear();
      if (key.length <= MAX_REMEMBERED_LENGTH) known.set(key, decision);
      return decision;
    },
  };
}

/**
 * The spellings of a path that some server takes for the same: in other letters, with a slash at the end, with full stops or
 * spaces at the end of a segment (as on Windows), and with letters that Unicode folds into ASCII.
 */
export function spellings(path: string): readonly string[] {
  const folded = path.normalize('NFKC').toLowerCase();
  const trimmed = folded.split('/').map(trimSegment).join('/');
  return [...new Set([path.toLowerCase(), folded, trimmed, withoutEnd(trimmed, '/')])];
}

function trimSegment(segment: string): string {
  return withoutEnd(segment, '. ').replace(/^ +/, '');
}

/** without the given characters at the end; a regular expression would look for that end from each of them, 200 ms for 16 KB of dots */
function withoutEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

function find(
  rules: readonly CompiledRule[],
  method: string,
  host: string,
  paths: readonly string[],
): string | undefined {
  for (const rule of rules) {
    if (rule.hosts !== undefined && !rule.hosts.has(host.toLowerCase())) continue;
    if (rule.methods !== undefined && !rule.methods.has(method)) continue;
    if (paths.some((path) => rule.glob(path))) return rule.pattern;
  }
  return undefined;
}

function compileRule(rule: RouteRule, form: (pattern: string) => string): CompiledRule[] {
  const methods =
    rule.methods === undefined ? undefined : new Set(rule.methods.map((name) => name.toUpperCase()));
  // Names of hosts have no case (RFC 4343), and a deny rule must not be missed for it.
  const hosts = rule.hosts === undefined ? undefined : new Set(rule.hosts.map((name) => name.toLowerCase()));
  return rule.paths.map((pattern) => ({ methods, hosts, pattern, glob: compileGlob(form(pattern)) }));
}
