/**
 * Says what is going on while it goes on: a line when a step starts and one when it ends, with seconds, and a sign
 * of life while it lasts. Goes to stderr, so that stdout carries results only.
 */
export interface Progress {
  /** Runs `work` as a named step; `note` replaces what the heartbeat shows beside the name. */
  step<T>(name: string, work: (note: (text: string) => void) => Promise<T>): Promise<T>;
  say(text: string): void;
}

export interface ProgressOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export const defaultHeartbeatMs = 15_000;

export function terminalProgress(
  output: ProgressOutput,
  nowMs: () => number = Date.now,
  heartbeatMs: number = defaultHeartbeatMs,
): Progress {
  const paint = (code: number, text: string): string =>
    output.isTTY === true ? `\u001b[${code}m${text}\u001b[0m` : text;
  const line = (mark: string, text: string): void => void output.write(`${mark} ${text}\n`);

  return {
    say: (text) => line(' ', text),
    async step(name, work) {
      const startedMs = nowMs();
      const elapsed = (): string => seconds(nowMs() - startedMs);
      let latest = '';
      line(paint(36, '>'), name);
      const heartbeat = setInterval(() => {
        line(paint(90, '.'), `${name}, ${elapsed()}${latest === '' ? '' : `: ${latest}`}`);
      }, heartbeatMs);
      try {
        const result = await work((text) => {
          latest = shorten(text, 80);
        });
        line(paint(32, '+'), `${name} (${elapsed()})`);
        return result;
      } catch (error) {
        line(paint(31, 'x'), `${name} failed after ${elapsed()}`);
        throw error;
      } finally {
        clearInterval(heartbeat);
      }
    },
  };
}

export function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

function shorten(text: string, limit: number): string {
  const oneLine = text.replaceAll(/\s+/g, ' ').trim();
  return oneLine.length <= limit ? oneLine : `${oneLine.slice(0, limit - 1)}…`;
}
