/** A credential as it may be shown: first six and last four characters, or only its length when that would be most of it. */
export function mask(credential: string): string {
  if (credential.length < 20) return `<${credential.length} characters>`;
  return `${credential.slice(0, 6)}…${credential.slice(-4)}`;
}
