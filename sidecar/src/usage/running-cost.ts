// What a connection costs that may use one model after another: tokens keep the price of the model that used them. Otherwise an agent
// could use a dear model, then name a cheap one, and get the difference back.
import { type CompiledPrice, costPicodollars, type TokenPrices } from './prices.ts';
import { TOKEN_KINDS, type TokenCounts } from './token-counts.ts';

/** adds up the cost of one request */
export class RunningCost {
  #price: TokenPrices | undefined;
  /** of the model; the price that counts may be that of its long prompts */
  #listed: CompiledPrice | undefined;
  #counted: TokenCounts = {};
  #picodollars: bigint | undefined;
  /** what was counted and what it cost when the price changed last */
  #settled: { counts: TokenCounts; picodollars: bigint | undefined } = { counts: {}, picodollars: undefined };

  /**
   * the cost so far, in picodollars; undefined if nothing had a price
   *
   * @param counts all tokens so far
   * @param listed price of those that are new
   */
  add(counts: TokenCounts, listed: CompiledPrice | undefined): bigint | undefined {
    const price = this.#priceOf(counts, listed);
    if (price !== this.#price) {
      this.#settled = { counts: this.#counted, picodollars: this.#picodollars };
      this.#price = price;
    }
    this.#counted = counts;
    const cost =
      price === undefined ? undefined : costPicodollars(without(counts, this.#settled.counts), price);
    const { picodollars } = this.#settled;
    this.#picodollars = cost === undefined ? picodollars : cost + (picodollars ?? 0n);
    return this.#picodollars;
  }

  /** a connection carries many prompts: what the input has grown by is the prompt of the response that is reported */
  #priceOf({ input = 0 }: TokenCounts, listed: CompiledPrice | undefined): TokenPrices | undefined {
    const promptTokens = input - (this.#counted.input ?? 0);
    if (listed === this.#listed && promptTokens <= 0) return this.#price;
    this.#listed = listed;
    const long = listed?.longPrompt;
    return long !== undefined && promptTokens > long.overTokens ? long : listed;
  }
}

function without(counts: TokenCounts, settled: TokenCounts): TokenCounts {
  const rest: TokenCounts = {};
  for (const kind of TOKEN_KINDS) {
    const count = counts[kind];
    // A report that was corrected downwards may leave less than was settled.
    if (count !== undefined) rest[kind] = Math.max(0, count - (settled[kind] ?? 0));
  }
  return rest;
}
