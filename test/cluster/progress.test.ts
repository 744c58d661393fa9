import { describe, expect, test } from '@jest/globals';
import { seconds, terminalProgress } from './progress.ts';

function recorder(isTTY: boolean): { text: () => string; write: (text: string) => void; isTTY: boolean } {
  let written = '';
  return {
    isTTY,
    write(text) {
      written += text;
    },
    text: () => written,
  };
}

describe('terminalProgress', () => {
  test('a step is announced and closed with its duration', async () => {
    const output = recorder(false);
    const clock = [1_000, 3_500];
    const progress = terminalProgress(output, () => clock.shift() ?? 0);
    await expect(progress.step('certificates', () => Promise.resolve(7))).resolves.toBe(7);
    expect(output.text()).toBe('> certificates\n+ certificates (2.5 s)\n');
  });

  test('a failing step says so and passes the error on', async () => {
    const output = recorder(false);
    const progress = terminalProgress(output, () => 0);
    await expect(progress.step('etcd', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(output.text()).toContain('x etcd failed after 0.0 s');
  });

  test('colours appear on a terminal only', async () => {
    const [terminal, file] = [recorder(true), recorder(false)];
    for (const output of [terminal, file]) {
      await terminalProgress(output).step('x', () => Promise.resolve());
    }
    expect(terminal.text()).toContain('\u001b[');
    expect(file.text()).not.toContain('\u001b[');
  });

  test('a long step shows a sign of life with its latest note', async () => {
    const output = recorder(false);
    const progress = terminalProgress(output, () => 0, 5);
    await progress.step('go build', async (note) => {
      note('k8s.io/apiserver');
      const deadlineMs = Date.now() + 2_000;
      while (!output.text().includes('. go build') && Date.now() < deadlineMs) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    });
    expect(output.text()).toContain('. go build, 0.0 s: k8s.io/apiserver\n');
  });
});

test('seconds has one decimal', () => {
  expect(seconds(354_049)).toBe('354.0 s');
});
