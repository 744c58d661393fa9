// Waits for what a process says when it is ready.
import type { NamespaceProcess } from './namespace.ts';

const START_TIMEOUT_MS = 20_000;
const MAX_KEPT_CHARACTERS = 100_000;

/**
 * Resolves when the text is in what it wrote to either output.
 * @throws Error with all that it wrote, when it ends before or says nothing for 20 s
 */
export function untilSaid(child: NamespaceProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (how: string): void => reject(new Error(`${child.spawnfile} ${how}:\n${said.trim()}`));
    const limit = setTimeout(() => fail('did not become ready in time'), START_TIMEOUT_MS);
    child.once('exit', (code, signal) => {
      clearTimeout(limit);
      fail(`ended with ${signal ?? code}`);
    });
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding('utf8').on('data', (chunk: string) => {
        if (said.length < MAX_KEPT_CHARACTERS) said += chunk;
        if (!said.includes(text)) return;
        clearTimeout(limit);
        resolve();
      });
    }
  });
}
