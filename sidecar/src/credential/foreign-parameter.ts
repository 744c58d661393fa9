// Credentials in the query: some providers take a key there, so an agent could bring an attacker's own (S5).

/** parameter names that carry credentials somewhere, in lower case and without punctuation */
const CREDENTIAL_PARAMETERS = new Set([
  'key',
  'apikey',
  'xapikey',
  'xgoogapikey',
  'accesskey',
  'accesstoken',
  'authtoken',
  'oauthtoken',
  'bearertoken',
  'idtoken',
  'refreshtoken',
  'sessiontoken',
  'securitytoken',
  'xauthtoken',
  'token',
  'bearer',
  'authorization',
  'auth',
  'secret',
  'secretkey',
  'clientsecret',
  'password',
  'xamzcredential',
  'xamzsecuritytoken',
  'xamzsignature',
  'xgoogcredential',
  'xgoogsignature',
]);

/**
 * whether a query holds a parameter that some provider takes for a credential
 *
 * @param query with its question mark, or empty
 */
export function hasCredentialParameter(query: string): boolean {
  if (query === '') return false;
  // Some servers split at `;` as well (the old W3C recommendation).
  for (const pair of query.slice(1).split(/[&;]/)) {
    const end = pair.indexOf('=');
    const name = decode(end === -1 ? pair : pair.slice(0, end));
    if (name === undefined || CREDENTIAL_PARAMETERS.has(name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')))
      return true;
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
