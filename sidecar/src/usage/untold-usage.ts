// A guess at what the provider has not told yet on a connection: whoever hangs up before the usage of a response comes would else
// have it for nothing.
import type { TokenCounts } from './token-counts.ts';

const TEXT_BYTES_PER_TOKEN = 4;
/**
 * Sound and pictures, in base64. The densest is telephone sound at 20 tokens a second, which are 533 bytes each; PCM takes up to
 * twelve times as many.
 */
const MEDIA_BYTES_PER_TOKEN = 512;

/** how long a message is, in bytes as they stand in JSON */
export interface MessageSize {
  text: number;
  media: number;
}

/** what was asked and said since the provider told usage last */
export class UntoldUsage {
  #asked: MessageSize = { text: 0, media: 0 };
  #said: MessageSize = { text: 0, media: 0 };

  asked({ text, media }: MessageSize): void {
    this.#asked.text += text;
    this.#asked.media += media;
  }

  said({ text, media }: MessageSize): void {
    this.#said.text += text;
    this.#said.media += media;
  }

  /** the provider has said something */
  get isAnswered(): boolean {
    return this.#said.text + this.#said.media > 0;
  }

  /** everything has been told */
  clear(): void {
    this.#asked = { text: 0, media: 0 };
    this.#said = { text: 0, media: 0 };
  }

  /** one of several responses has been told; whose words were whose nobody knows */
  told({ output = 0, outputAudio = 0 }: TokenCounts): void {
    const said = this.#said;
    said.text = Math.max(0, said.text - (output - outputAudio) * TEXT_BYTES_PER_TOKEN);
    said.media = Math.max(0, said.media - outputAudio * MEDIA_BYTES_PER_TOKEN);
  }

  counts(): TokenCounts {
    const [input, output] = [tokensOf(this.#asked), tokensOf(this.#said)];
    const counts: TokenCounts = { input: input.all, output: output.all };
    if (input.media > 0) counts.inputAudio = input.media;
    if (output.media > 0) counts.outputAudio = output.media;
    return counts;
  }
}

/** a guess by length alone */
export function tokensOf({ text, media }: MessageSize): { all: number; media: number } {
  const mediaTokens = Math.ceil(media / MEDIA_BYTES_PER_TOKEN);
  return { all: Math.ceil(text / TEXT_BYTES_PER_TOKEN) + mediaTokens, media: mediaTokens };
}
