// Amounts of money as whole picodollars (10⁻¹² US dollars), so that sums stay exact: a price in dollars per million tokens with
// up to six decimals is a whole number of picodollars per token.

const PICODOLLARS_PER_DOLLAR = 1_000_000_000_000n;
const DECIMALS = 12;
const AMOUNT = /^(\d{1,9})(?:\.(\d{1,12}))?$/;

/**
 * reads a decimal amount of US dollars
 *
 * @param decimals how many decimals it may have, at most 12
 * @returns picodollars; undefined if it is no such amount
 */
export function parseUsd(text: string, decimals = DECIMALS): bigint | undefined {
  const match = AMOUNT.exec(text);
  if (match === null) return undefined;
  const [, whole = '', fraction = ''] = match;
  if (fraction.length > decimals) return undefined;
  return BigInt(whole) * PICODOLLARS_PER_DOLLAR + BigInt(fraction.padEnd(DECIMALS, '0'));
}

/** the exact amount in US dollars as decimal text, without needless zeros */
export function formatUsd(picodollars: bigint): string {
  const whole = picodollars / PICODOLLARS_PER_DOLLAR;
  const fraction = (picodollars % PICODOLLARS_PER_DOLLAR)
    .toString()
    .padStart(DECIMALS, '0')
    .replace(/0+$/, '');
  return fraction === '' ? `${whole}` : `${whole}.${fraction}`;
}
