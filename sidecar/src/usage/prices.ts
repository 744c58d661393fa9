// What a request costs: token counts times the dated prices of a provider's document, exactly.
import { type ModelPrice, type ProviderSpec, SeksError } from '@seks/crds';

import { parseUsd } from './dollars.ts';
import { matchesModelGlob } from './model-name.ts';
import type { TokenCounts } from './token-counts.ts';

/** prices of one provider; the first that matches wins */
export type PriceList = Pick<NonNullable<ProviderSpec['prices']>, 'asOf' | 'models'>;

/** picodollars per token; undefined where there is no price */
export interface TokenPrices {
  readonly input: bigint | undefined;
  readonly cacheRead: bigint | undefined;
  readonly cacheWrite: bigint | undefined;
  readonly cacheWriteHour: bigint | undefined;
  readonly output: bigint | undefined;
  readonly inputAudio: bigint | undefined;
  readonly outputAudio: bigint | undefined;
}

export interface CompiledPrice extends TokenPrices {
  /** for the whole request if its input is longer */
  readonly longPrompt?: TokenPrices & { readonly overTokens: number };
}

/** finds the price of a model */
export interface Pricing {
  readonly asOf: string;
  /** undefined: the model has no price */
  find(model: string): CompiledPrice | undefined;
}

/** the agent chooses the names; so many are remembered before all are forgotten */
const MAX_REMEMBERED_MODELS = 256;
/** a price per million tokens with so many decimals is a whole number of picodollars per token */
const PRICE_DECIMALS = 6;
const TOKENS_PER_PRICE = 1_000_000n;

/**
 * compiles a price list
 *
 * @throws SeksError SEKS_PROVIDER_INVALID for a price that is no decimal number
 */
export function createPricing(list: PriceList): Pricing {
  const prices = list.models.map((model) => ({ match: model.match, price: compilePrice(model) }));
  const remembered = new Map<string, CompiledPrice | undefined>();
  return {
    asOf: list.asOf,
    find(model) {
      const known = remembered.get(model);
      if (known !== undefined || remembered.has(model)) return known;
      if (remembered.size >= MAX_REMEMBERED_MODELS) remembered.clear();
      const price = prices.find(({ match }) => matchesModelGlob(match, model))?.price;
      remembered.set(model, price);
      return price;
    },
  };
}

/**
 * What tokens cost, in picodollars. Parts of the input may overlap where the provider does not say (cached sound): none is then
 * counted twice, read from cache goes first, written to cache next, sound last.
 *
 * @returns undefined if tokens were used that have no price
 */
export function costPicodollars(counts: TokenCounts, price: TokenPrices): bigint | undefined {
  const { cacheRead = 0, cacheWrite = 0, cacheWriteHour = 0, inputAudio = 0, outputAudio = 0 } = counts;
  const input = split(counts.input ?? cacheRead + cacheWrite + inputAudio, [
    cacheRead,
    cacheWrite,
    inputAudio,
  ]);
  const written = split(input.parts[1] ?? 0, [cacheWriteHour]);
  const output = split(counts.output ?? Math.max(outputAudio, counts.reasoning ?? 0), [outputAudio]);
  const amounts: readonly [tokens: number | undefined, price: bigint | undefined][] = [
    [input.rest, price.input],
    [input.parts[0], price.cacheRead ?? price.input],
    [written.rest, price.cacheWrite ?? price.input],
    [written.parts[0], price.cacheWriteHour ?? price.cacheWrite ?? price.input],
    [input.parts[2], price.inputAudio ?? price.input],
    [output.rest, price.output],
    [output.parts[0], price.outputAudio ?? price.output],
  ];
  let sum = 0n;
  for (const [tokens = 0, perToken] of amounts) {
    if (tokens === 0) continue;
    if (perToken === undefined) return undefined;
    sum += BigInt(tokens) * perToken;
  }
  return sum;
}

/** takes the parts out of the whole, as far as it goes */
function split(whole: number, parts: readonly number[]): { rest: number; parts: number[] } {
  let rest = whole;
  const taken = parts.map((part) => {
    const fits = Math.min(part, rest);
    rest -= fits;
    return fits;
  });
  return { rest, parts: taken };
}

function compilePrice({ match, longPrompt, ...price }: ModelPrice): CompiledPrice {
  const base = compileParts(match, price);
  if (longPrompt === undefined) return base;
  const { overTokens, ...long } = longPrompt;
  return { ...base, longPrompt: { ...compileParts(match, long), overTokens } };
}

function compileParts(match: string, price: Omit<ModelPrice, 'match' | 'longPrompt'>): TokenPrices {
  const read = (field: keyof typeof price): bigint | undefined => {
    const text = price[field];
    if (text === undefined) return undefined;
    const picodollars = parseUsd(text, PRICE_DECIMALS);
    if (picodollars !== undefined) return picodollars / TOKENS_PER_PRICE;
    throw new SeksError('SEKS_PROVIDER_INVALID', `The price ${field} of ${match} is not a decimal number.`);
  };
  return {
    input: read('input'),
    cacheRead: read('cachedInput'),
    cacheWrite: read('cacheWrite'),
    cacheWriteHour: read('cacheWriteHour'),
    output: read('output'),
    inputAudio: read('inputAudio'),
    outputAudio: read('outputAudio'),
  };
}
