// Whole pods before and after, for people to read. UPDATE_GOLDEN=1 writes the second of each pair anew (then run prettier).
import { createPrivateKey } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';

import { expect, test } from '@jest/globals';
import { looksLikeFakeToken } from '@seks/crds';
import type { SeksBinding } from '@seks/crds';

import {
  NAMESPACE,
  NOW_MS,
  SETTINGS,
  binding,
  builtIn,
  countingBytes,
  created,
  credential,
  testSigner,
} from './fixtures.ts';
import { applyPatch } from './json-patch.ts';
import { planInjection } from './plan.ts';
import type { RawPod } from './raw-pod.ts';
import { verifyInjection } from './verify.ts';

const FOLDER = new URL('testdata/', import.meta.url);

/** Ed25519 is deterministic, so a fixed key makes a fixed seal (RFC 8410 §7 for the wrapping) */
const SIGNER = testSigner(
  createPrivateKey({
    key: Buffer.concat([
      Buffer.from('302e020100300506032b657004220420', 'hex'),
      Buffer.alloc(32, 'seks golden'),
    ]),
    format: 'der',
    type: 'pkcs8',
  }),
);

const BINDINGS: SeksBinding[] = [
  binding('research', {
    credentials: [
      credential({ containers: ['planner', 'prepare'] }),
      credential({
        name: 'claude',
        provider: 'anthropic',
        sources: [
          { tier: 'user', secretRef: { name: 'alice-keys', key: 'anthropic' } },
          { tier: 'builder', secretRef: { name: 'builder-keys', key: 'anthropic' } },
        ],
      }),
    ],
  }),
  binding('search', {
    agent: 'searcher',
    podSelector: { matchExpressions: [{ key: 'search', operator: 'Exists' }] },
    credentials: [
      credential({
        name: 'gemini',
        provider: 'gemini',
        sources: [{ tier: 'builder', secretRef: { name: 'builder-keys', key: 'gemini' } }],
      }),
    ],
  }),
  binding('bots', {
    podSelector: { matchLabels: { app: 'bots' } },
    credentials: [
      credential({
        name: 'groq',
        provider: 'groq',
        containers: ['bot'],
        intercept: ['HostAlias', 'Proxy'],
        sources: [{ tier: 'builder', secretRef: { name: 'builder-keys', key: 'groq' } }],
      }),
    ],
  }),
];

const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.pod.json'));

test('there are golden pods', () => {
  expect(names).toHaveLength(4);
});

test.each(names)('golden: %s', async (name) => {
  const pod = JSON.parse(await readFile(new URL(name, FOLDER), 'utf8')) as RawPod;
  const plan = planInjection({
    pod,
    namespace: NAMESPACE,
    bindings: BINDINGS,
    provider: builtIn,
    settings: SETTINGS,
    signer: SIGNER,
    nowMs: NOW_MS,
    randomBytes: countingBytes(),
  });
  if (plan.kind !== 'inject') throw new Error(`${name} is not injected: ${plan.kind}`);
  const after = applyPatch(pod, plan.patch);
  const readable = JSON.parse(
    JSON.stringify({ warnings: plan.warnings, pod: after }, withoutTokens),
  ) as unknown;
  const file = new URL(name.replace('.pod.json', '.injected.json'), FOLDER);
  if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(file, JSON.stringify(readable, undefined, 2));
  expect(readable).toEqual(JSON.parse(await readFile(file, 'utf8')));
  expect(
    verifyInjection({
      pod: created(after),
      namespace: NAMESPACE,
      keys: SIGNER.publicKeys(),
      apiAudiences: [],
    }).ok,
  ).toBe(true);
});

/** fake tokens look so real that secret scanners would report the files */
function withoutTokens(_: string, value: unknown): unknown {
  return typeof value === 'string' && looksLikeFakeToken(value) ? '<fake token>' : value;
}
