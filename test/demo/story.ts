// The demo's voice: numbered steps on stdout, in colour on a terminal only.

export interface StoryOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export interface Story {
  /** runs one step under its heading */
  step<T>(title: string, work: () => Promise<T>): Promise<T>;
  /** a sentence */
  say(text: string): void;
  /** a name and what it is */
  fact(name: string, value: string): void;
  /** a line as a program printed it, or a command as one would type it */
  code(line: string): void;
  /** something that was claimed and has been seen */
  shown(text: string): void;
}

const CODES = { bold: 1, dim: 2, green: 32, cyan: 36 } as const;

export function createStory(output: StoryOutput): Story {
  let steps = 0;
  const paint = (style: keyof typeof CODES, text: string): string =>
    output.isTTY === true ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
  const line = (text: string): void => void output.write(`${text}\n`);
  return {
    async step(title, work) {
      line(`\n${paint('bold', `${++steps}. ${title}`)}`);
      return work();
    },
    say: (text) => line(`   ${text}`),
    fact: (name, value) => line(`   ${paint('cyan', name.padEnd(24))} ${value}`),
    code: (text) => line(`   ${paint('dim', `  ${text}`)}`),
    shown: (text) => line(`   ${paint('green', '✓')} ${text}`),
  };
}

/** what the story told did not happen */
export class NotAsTold extends Error {
  override readonly name = 'NotAsTold';
}

export function expectThat(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new NotAsTold(otherwise);
}
