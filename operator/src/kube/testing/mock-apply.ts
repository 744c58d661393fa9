// Server-side apply, much simplified: merged by field, and lists of conditions or webhooks by their key.

export function merge(old: unknown, next: unknown): unknown {
  if (Array.isArray(old) && Array.isArray(next)) {
    const key = next.every((item) => isObject(item) && 'type' in item) ? 'type' : 'name';
    if (!next.every((item) => isObject(item) && key in item)) return next;
    const merged = (old as Record<string, unknown>[]).map((item) => {
      const patch = (next as Record<string, unknown>[]).find((candidate) => candidate[key] === item[key]);
      return patch === undefined ? item : merge(item, patch);
    });
    const added = (next as Record<string, unknown>[]).filter(
      (item) => !(old as Record<string, unknown>[]).some((known) => known[key] === item[key]),
    );
    return [...merged, ...added];
  }
  if (!isObject(old) || !isObject(next)) return next;
  const result: Record<string, unknown> = { ...old };
  for (const [key, value] of Object.entries(next)) result[key] = key in old ? merge(old[key], value) : value;
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
