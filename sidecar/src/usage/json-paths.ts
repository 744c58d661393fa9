// The paths that a scanner looks for in a JSON text, compiled to a graph that it walks key by key. What lies off every
// path is one dead node, so that the scanner can run over it without looking at keys.

/** what to do with the value at a path */
export type Take = 'nothing' | 'object' | 'string' | 'text' | 'presence';

/**
 * One path from the top object: keys, and `**` for any number of objects and arrays between.
 * `object`: parse it; `string`: report it; `text`: only count its bytes; `presence`: report that the key is there.
 */
export interface WatchedPath {
  path: readonly string[];
  take: Exclude<Take, 'nothing'>;
}

/** a place in a JSON text; keys lead on from it */
export interface PathNode {
  take: Take;
  /** the path with dots, for reports */
  readonly name: string;
  /** keys that lead on, by their length in bytes */
  readonly keys: (KeyEdge[] | undefined)[];
  /** where all other keys lead */
  other: PathNode;
  /** where elements of an array lead */
  element: PathNode;
}

interface KeyEdge {
  bytes: Buffer;
  to: PathNode;
}

/** longest key in a path, in bytes */
export const MAX_KEY_BYTES = 32;
const ANY_DEPTH = '**';

/** leads nowhere */
export const DEAD: PathNode = createDead();

/** stands where a key comes next */
export const BEFORE_KEY: PathNode = createDead();

/**
 * compiles paths
 *
 * @param inArray whether the text may be an array of such objects, too
 */
export function compilePaths(paths: readonly WatchedPath[], inArray = false): PathNode {
  const root = createNode('nothing', '', []);
  if (inArray) root.element = root;
  for (const { path, take } of paths) {
    let node = root;
    for (const [depth, key] of path.entries()) {
      if (key === ANY_DEPTH) {
        node.other = node;
        node.element = node;
      } else {
        node = step(node, key, depth === path.length - 1 ? take : 'nothing');
      }
    }
  }
  return root;
}

/** the node that a key leads to; `key` holds its bytes in the first `length` places */
export function nodeAt(from: PathNode, key: Uint8Array, length: number): PathNode {
  const edges = from.keys[length];
  if (edges === undefined) return from.other;
  for (const { bytes, to } of edges) {
    let i = 0;
    while (i < length && bytes[i] === key[i]) i += 1;
    if (i === length) return to;
  }
  return from.other;
}

function step(from: PathNode, key: string, take: Take): PathNode {
  const bytes = Buffer.from(key);
  const found = nodeAt({ ...from, other: DEAD }, bytes, bytes.length);
  if (found !== DEAD) {
    if (take !== 'nothing') found.take = take;
    return found;
  }
  const isBelowAnyDepth = from.other === from;
  const name = from.name === '' ? key : `${from.name}.${key}`;
  // Below `**` the value of a key may hold the same keys again: text that is an array of texts.
  const to = createNode(take, name, isBelowAnyDepth ? from.keys : []);
  if (isBelowAnyDepth) {
    to.other = from;
    to.element = from;
  }
  (from.keys[bytes.length] ??= []).push({ bytes, to });
  return to;
}

function createNode(take: Take, name: string, keys: PathNode['keys']): PathNode {
  return { take, name, keys, other: DEAD, element: DEAD };
}

function createDead(): PathNode {
  const dead = { take: 'nothing', name: '', keys: [] } as unknown as PathNode;
  dead.other = dead;
  dead.element = dead;
  return dead;
}

/** whether nothing is looked for below a node */
export function leadsNowhere(node: PathNode): boolean {
  return node.keys.length === 0 && node.other === DEAD && node.element === DEAD;
}
