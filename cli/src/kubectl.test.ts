import { expect, test } from '@jest/globals';

import { runKubectl } from './kubectl.ts';

const { signal } = new AbortController();

test('returns what the command printed', async () => {
  expect(await runKubectl(process.execPath, ['-p', '6 * 7'], signal)).toBe('42\n');
});

test('a missing command leads to sealing offline', async () => {
  await expect(runKubectl('seks-no-such-kubectl', [], signal)).rejects.toMatchObject({
    message: expect.stringContaining('kubectl was not found'),
    hint: expect.stringContaining('--cert'),
    exitCode: 1,
  });
});

test("a failure keeps the command's last words", async () => {
  const script = 'console.error("E1 noise\\nThe connection to the server was refused"); process.exitCode = 1';
  await expect(runKubectl(process.execPath, ['-e', script], signal)).rejects.toMatchObject({
    message: 'kubectl could not fetch the sealing key: The connection to the server was refused',
    hint: expect.stringContaining('--context'),
  });
});

test('ends with its signal', async () => {
  const called = runKubectl(
    process.execPath,
    ['-e', 'setInterval(() => {}, 1000)'],
    AbortSignal.timeout(300),
  );
  await expect(called).rejects.toMatchObject({ message: expect.stringContaining('no answer in time') });
});
