// What is read from the Dockerfile.
import { expect, test } from '@jest/globals';

import { imageSettings } from './image-settings.ts';

const DOCKERFILE = `FROM x
ENV MALLOC_ARENA_MAX=3
ENV PATH=/bin
ENTRYPOINT ["node", "--a", \\
  "--permission", "--allow-fs-read=*", \\
  "--b=1", \\
  "/app/x.mjs"]
`;

test('flags and variables, without the container’s own', () => {
  expect(imageSettings(DOCKERFILE)).toEqual({ flags: ['--a', '--b=1'], env: { MALLOC_ARENA_MAX: '3' } });
});

test.each([
  'FROM x\n',
  'ENTRYPOINT node x\n',
  'ENTRYPOINT ["sh", "--a", "x"]\n',
  'ENTRYPOINT ["node", "x", "--a"]\n',
])('another form is an error: %j', (dockerfile) => {
  expect(() => imageSettings(dockerfile)).toThrow('ENTRYPOINT');
});

test('the shipped image limits its memory, and lets it be given back', () => {
  const { flags, env } = imageSettings();
  expect(flags).toContain('--expose-gc');
  expect(flags.some((flag) => /^--max-old-space-size=\d+$/.test(flag))).toBe(true);
  expect(env).toEqual({ MALLOC_ARENA_MAX: '1' });
});
