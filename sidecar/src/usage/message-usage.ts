// Token usage in the provider's WebSocket messages. One connection carries many responses, each with a report of its own: within
// one response the last report stands, over all of them they add up.
import type { TokenCounts } from './token-counts.ts';

/** reads usage out of the messages of one connection */
export interface MessageUsage {
  /** takes one whole message from the provider, in text or binary frames */
  observe(text: Buffer): void;
  /** takes one whole message from the client */
  asked(text: Buffer): void;
  /** the sum of all responses so far, as the provider reported them */
  counts(): TokenCounts | undefined;
  /**
   * the same with a guess for what was asked or begun and is not reported: a token for each four bytes of text, and for each 512
   * of sound or pictures
   */
  estimate(): TokenCounts | undefined;
  /** the model that the provider named last */
  model(): string | undefined;
}
