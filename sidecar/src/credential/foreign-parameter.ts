// Credentials in the query: some providers take a key there, so an agent could bring an attacker's own (S5).
import { parameterNames, plainName } from '../request/query-names.ts';

/** a name, without punctuation, whose last word says that a credential is in it */
const CREDENTIAL_NAME =
  /^(?:x?amz|xgoog)?(?:credentials?|signature|securitytoken)$|^(?:\w*(?:api|access|auth|account|admin|master|private|secret|subscription|user)key|key)$|^\w*(?:authorization|password|passwd|secret|bearer)$|^(?:x?auth|jwt)$|^(?:\w*(?:access|api|auth|oauth|bearer|id|refresh|session|security|private|user|client)token|token)$/;

/**
 * whether a query holds a parameter that some provider takes for a credential
 *
 * @param query with its question mark, or empty
 * @param placements names, without case and punctuation, that the providers of this pod take a key in
 * @param known name of the one parameter in which the token was found; a second one of that name counts
 */
export function hasCredentialParameter(
  query: string,
  placements: ReadonlySet<string>,
  known?: string,
): boolean {
  const expected = known === undefined ? undefined : plainName(known.toLowerCase());
  let seen = 0;
  for (const name of parameterNames(query)) {
    // What cannot be decoded may be one.
    if (name === undefined) return true;
    const plain = plainName(name);
    if (plain === expected) seen += 1;
    else if (placements.has(plain) || CREDENTIAL_NAME.test(plain)) return true;
  }
  return seen > 1;
}
