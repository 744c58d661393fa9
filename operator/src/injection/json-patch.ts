// RFC 6902 operations, as far as the webhook uses them.

/** one operation; `path` is an RFC 6901 pointer */
export type PatchOperation =
  { op: 'add' | 'replace'; path: string; value: unknown } | { op: 'remove'; path: string };

export type JsonPatch = PatchOperation[];

/** joins segments to an RFC 6901 pointer; `~` and `/` inside a segment are escaped */
export function pointer(...segments: readonly (string | number)[]): string {
  return segments
    .map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}

/**
 * what the API server will make of `document`; the original is left alone
 *
 * @throws RangeError if a path does not exist
 */
export function applyPatch<T>(document: T, patch: JsonPatch): T {
  const root = { document: structuredClone(document) };
  for (const operation of patch) {
    const segments = ['document', ...segmentsOf(operation.path)];
    const last = segments.pop() ?? '';
    applyTo(segments.reduce<unknown>(descend, root), last, operation);
  }
  return root.document;
}

function applyTo(parent: unknown, key: string, operation: PatchOperation): void {
  if (Array.isArray(parent)) {
    const index = key === '-' && operation.op === 'add' ? parent.length : Number(key);
    const end = operation.op === 'add' ? parent.length : parent.length - 1;
    if (!Number.isInteger(index) || index < 0 || index > end) throw missing(operation.path);
    if (operation.op === 'add') parent.splice(index, 0, structuredClone(operation.value));
    else if (operation.op === 'replace') parent[index] = structuredClone(operation.value);
    else parent.splice(index, 1);
    return;
  }
  if (!isObject(parent) || (operation.op !== 'add' && !Object.hasOwn(parent, key))) {
    throw missing(operation.path);
  }
  if (operation.op === 'remove') delete parent[key];
  else parent[key] = structuredClone(operation.value);
}

function descend(parent: unknown, key: string): unknown {
  if (!isObject(parent) || !Object.hasOwn(parent, key)) throw missing(key);
  return parent[key];
}

function segmentsOf(path: string): string[] {
  return path
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function missing(path: string): RangeError {
  return new RangeError(`patch path ${path} does not exist`);
}
