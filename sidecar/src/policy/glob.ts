// Path globs: `*` matches within a segment, `**` across segments, `/**/` also no segment at all. No regular expressions: a
// pattern of an author must not be able to make matching slow (quadratic at worst here, whatever the pattern).

type Token = { kind: 'text'; char: string } | { kind: 'segment' } | { kind: 'any' } | { kind: 'directories' };

/** a compiled glob */
export type Glob = (path: string) => boolean;

const SLASH = '/';

/** compiles a glob; matching is case-sensitive and anchored at both ends */
export function compileGlob(pattern: string): Glob {
  if (!pattern.includes('*')) return (path) => path === pattern;
  const tokens = tokenise(pattern);
  return (path) => matches(tokens, path);
}

function tokenise(pattern: string): Token[] {
  const text = pattern.replaceAll(/\/(?:\*\*\/)+/g, '/**/');
  const tokens: Token[] = [];
  for (let i = 0; i < text.length; i += 1) {
    if (text.startsWith('/**/', i)) {
      tokens.push({ kind: 'text', char: SLASH }, { kind: 'directories' });
      i += 3;
    } else if (text.startsWith('**', i)) {
      tokens.push({ kind: 'any' });
      i += 1;
    } else if (text[i] === '*') {
      tokens.push({ kind: 'segment' });
    } else {
      tokens.push({ kind: 'text', char: text.charAt(i) });
    }
  }
  return tokens;
}

/**
 * Set-of-states simulation: `active[s]` says that the tokens before `s` match the text so far.
 * Linear in text times pattern.
 */
function matches(tokens: readonly Token[], path: string): boolean {
  const end = tokens.length;
  let active = new Uint8Array(end + 1);
  let next = new Uint8Array(end + 1);
  enter(active, 0, tokens);
  for (let i = 0; i < path.length; i += 1) {
    const char = path.charAt(i);
    next.fill(0);
    let alive = false;
    for (let s = 0; s < end; s += 1) {
      if (active[s] === 0) continue;
      const token = tokens[s];
      if (token === undefined) continue;
      switch (token.kind) {
        case 'text':
          if (char !== token.char) continue;
          enter(next, s + 1, tokens);
          break;
        case 'segment':
          if (char === SLASH) continue;
          enter(next, s, tokens);
          break;
        case 'any':
          enter(next, s, tokens);
          break;
        case 'directories':
          next[s] = 1;
          if (char === SLASH) enter(next, s + 1, tokens);
          break;
      }
      alive = true;
    }
    if (!alive) return false;
    [active, next] = [next, active];
  }
  return active[end] === 1;
}

/** activates a state and those that follow it without consuming text */
function enter(states: Uint8Array, state: number, tokens: readonly Token[]): void {
  for (let s = state; ; s += 1) {
    states[s] = 1;
    const kind = tokens[s]?.kind;
    if (kind === undefined || kind === 'text') return;
  }
}
