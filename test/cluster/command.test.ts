import { describe, expect, test } from '@jest/globals';
import { attempt, findProgram, run } from './command.ts';
import type { StepFailed } from './failures.ts';

const script = (text: string): [string, string[]] => [process.execPath, ['-e', text]];

describe('run', () => {
  test('gives stdout, and passes input and environment on', async () => {
    const [program, args] = script(
      'process.stdin.on("data", (text) => console.log(`${text} ${process.env.SEKS_X}`))',
    );
    await expect(run(program, args, { input: 'hello', env: { SEKS_X: 'world' } })).resolves.toBe(
      'hello world\n',
    );
  });

  test('throws with the tail of stderr', async () => {
    const [program, args] = script('console.error("no space left"); process.exit(7)');
    const error: unknown = await run(program, args).catch((reason: unknown) => reason);
    expect((error as StepFailed).message).toContain('failed with exit code 7');
    expect((error as StepFailed).detail).toBe('no space left');
  });

  test('ends a program that takes too long', async () => {
    const [program, args] = script('setInterval(() => {}, 1e6)');
    await expect(run(program, args, { timeoutMs: 50 })).rejects.toMatchObject({
      detail: expect.stringContaining('ended by SIGKILL (limit 0.05 s)'),
    });
  });
});

test('a program that does not exist is an answer', async () => {
  await expect(attempt('/nonexistent/x', [])).resolves.toMatchObject({ code: 127 });
});

test('each line is shown while the program runs', async () => {
  const lines: string[] = [];
  await run(...script('console.log("compiling")'), { onLine: (line) => lines.push(line) });
  expect(lines).toEqual(['compiling']);
});

test('findProgram', () => {
  expect(findProgram('sh', '/bin')).toBe('/bin/sh');
  expect(findProgram('no-such-program', '/bin:')).toBeUndefined();
});
