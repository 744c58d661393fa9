// Parameter names as the most lenient of servers reads them.

/** names that some frameworks take the request's method from, instead of the request line */
const METHOD_PARAMETERS = new Set(['_method', '$httpmethod', '$method']);
const METHOD_WORDS = new Set([
  'httpmethod',
  'xhttpmethod',
  'xhttpmethodoverride',
  'xmethodoverride',
  'methodoverride',
]);

/** the decoded names of a query's parameters, in lower case; undefined for one that cannot be decoded */
export function* parameterNames(query: string): Generator<string | undefined> {
  if (query === '') return;
  // Some servers split at `;` as well (the old W3C recommendation).
  for (const pair of query.slice(1).split(/[&;]/)) {
    const end = pair.indexOf('=');
    yield decode(end === -1 ? pair : pair.slice(0, end))?.toLowerCase();
  }
}

/** a name's letters and digits, without subscripts: `api-key`, `api_key` and `$apiKey[0]` are one */
export function plainName(name: string): string {
  return name.replace(/\[.*/s, '').replaceAll(/[^a-z0-9]/g, '');
}

/** whether a query could make a provider take the request for one of another method than the policy saw */
export function hasMethodParameter(query: string): boolean {
  for (const name of parameterNames(query)) {
    if (name !== undefined && (METHOD_PARAMETERS.has(name) || METHOD_WORDS.has(plainName(name)))) return true;
  }
  return false;
}

function decode(name: string): string | undefined {
  if (!name.includes('%')) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}
