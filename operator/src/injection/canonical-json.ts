// One text for one value (the part of RFC 8785 that strings, integers, booleans, arrays and objects need): members
// sorted, no white space. Seal and SEKS_CONFIG are compared as text, so both must come from here.

/** JSON with members sorted by name; members that are `undefined` are left out */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    isPlainObject(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
