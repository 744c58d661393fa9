import { beforeAll, describe, expect, test } from '@jest/globals';
import { type LeaseAnswer, type LeasedCredential, headerOf, SeksError } from '@seks/crds';

import type { LimitKeeper } from '../limits/credential-limits.ts';
import { grantOf, sealFor, type SealedSource, testEntry, testProvider } from '../testing/sealed-source.ts';
import { noLink, testLimits } from '../testing/test-grant.ts';
import type { GrantedCredential } from './granted-credential.ts';
import type { LeaseState } from './lease-state.ts';
import { openLease, refusal } from './open-lease.ts';
import type { SourceFinding } from './sealed-files.ts';

const KEY = 'sk-proj-CANARY-0123456789';
const entry = testEntry('openai');
const missing: SourceFinding = { report: { state: 'missing' } };
let user: SealedSource;
let builder: SealedSource;
let rejected: string[] = [];

beforeAll(async () => {
  const place = { namespace: 'agents', key: 'openai', provider: 'openai' };
  user = await sealFor(KEY, { ...place, secret: 'user' });
  builder = await sealFor('sk-proj-builder-0123456789', { ...place, secret: 'builder' });
});

function finding({ envelope }: SealedSource): SourceFinding {
  return { report: { state: 'sealed', header: headerOf(envelope) }, envelope };
}

function open(
  credentials: LeasedCredential[],
  findings: SourceFinding[],
  change: {
    refusals?: LeaseAnswer['refusals'];
    previous?: LeaseState;
    limitsFor?: LimitKeeper['limitsFor'];
  } = {},
): Promise<LeaseState> {
  const answer = { id: 'l1', ttlSeconds: 900, credentials, refusals: change.refusals ?? [], caBundle: 'ca' };
  return openLease(answer, {
    namespace: 'agents',
    entries: [entry],
    findings: new Map([['b1/openai', findings]]),
    linkFor: noLink,
    limitsFor: change.limitsFor ?? testLimits(),
    askedAtMs: 5000,
    previous: change.previous,
    reject: (source, _, { code }) => rejected.push(`${source.secret}: ${code}`),
  });
}

function result(state: LeaseState): string {
  const found = state.credentials.get('b1/openai');
  if (found === undefined) return 'nothing';
  return found instanceof SeksError ? found.code : found.vault.key.reveal((bytes) => bytes.toString());
}

describe('openLease', () => {
  test('opens the envelope of the source that won', async () => {
    const state = await open([grantOf(entry, 0, user.dataKey)], [finding(user), finding(builder)]);
    expect(result(state)).toBe(KEY);
    expect(state).toMatchObject({ id: 'l1', expiresAtMs: 905_000 });
    expect(state.credentials.get('b1/openai')).toMatchObject({ tier: 'user', agent: 'research' });
    // The provider's own header name counts as a credential from now on.
    expect(state.classifier.classify('X-Odd-Key').kind).toBe('credential');
  });

  test('S16: takes the next source only when the first is missing', async () => {
    const grant = grantOf(entry, 1, builder.dataKey);
    expect(result(await open([grant], [missing, finding(builder)]))).toBe('sk-proj-builder-0123456789');
    expect(result(await open([grant], [finding(user), finding(builder)]))).toBe('SEKS_CREDENTIAL_REMOVED');
    const broken: SourceFinding = {
      report: { state: 'unusable', code: 'SEKS_SEAL_MALFORMED' },
      problem: new SeksError('SEKS_SEAL_MALFORMED'),
    };
    expect(result(await open([grant], [broken, finding(builder)]))).toBe('SEKS_CREDENTIAL_REMOVED');
  });

  test.each<[string, Partial<LeasedCredential>, string]>([
    ['another tier than the source has', { tier: 'builder' }, 'SEKS_CREDENTIAL_REMOVED'],
    ['a source that there is not', { source: 7 }, 'SEKS_CREDENTIAL_REMOVED'],
    ['another provider', { provider: testProvider('evil') }, 'SEKS_CREDENTIAL_REMOVED'],
    [
      'another data key',
      { dataKey: Buffer.alloc(32, 1).toString('base64url') },
      'SEKS_SEAL_COMMITMENT_MISMATCH',
    ],
    ['another credential', { credential: 'unknown' }, 'nothing'],
  ])('S7: refuses an answer with %s', async (_, change, expected) => {
    const state = await open([{ ...grantOf(entry, 0, user.dataKey), ...change }], [finding(user), missing]);
    expect(result(state)).toBe(expected);
  });

  test('tells of an envelope that its data key does not open, and of nothing else', async () => {
    rejected = [];
    const otherKey = {
      ...grantOf(entry, 0, user.dataKey),
      dataKey: Buffer.alloc(32, 1).toString('base64url'),
    };
    await open([otherKey], [finding(user), missing]);
    expect(rejected).toEqual(['user: SEKS_SEAL_COMMITMENT_MISMATCH']);
    await open([grantOf(entry, 0, user.dataKey)], [finding(user), missing]);
    await open([grantOf(entry, 1, builder.dataKey)], [finding(user), finding(builder)]);
    expect(rejected).toHaveLength(1);
  });

  test('S15: limits hold from when the lease is used, not from when it was opened', async () => {
    const limitsFor = testLimits();
    const enter = () => limitsFor('b1/openai').enter();
    const grant = grantOf(entry, 0, user.dataKey);
    const limited = { ...grant, policy: { ...grant.policy, limits: { concurrentRequests: 1 } } };
    const state = await open([limited], [finding(user), missing], { limitsFor });
    enter();
    enter();
    (state.credentials.get('b1/openai') as GrantedCredential).enforceLimits();
    expect(enter).toThrow(expect.objectContaining({ code: 'SEKS_LIMIT_CONCURRENCY' }));
  });

  test('S3: refuses an envelope that was sealed for another place', async () => {
    const elsewhere = await sealFor(KEY, {
      namespace: 'agents',
      secret: 'user',
      key: 'other',
      provider: 'openai',
    });
    const state = await open([grantOf(entry, 0, elsewhere.dataKey)], [finding(elsewhere), missing]);
    expect(result(state)).toBe('SEKS_SEAL_WRONG_KEY');
  });

  test('refuses what no header could carry', async () => {
    const broken = await sealFor('sk-with\nbreak-in-it', {
      namespace: 'agents',
      secret: 'user',
      key: 'openai',
      provider: 'openai',
    });
    const state = await open([grantOf(entry, 0, broken.dataKey)], [finding(broken), missing]);
    expect(result(state)).toBe('SEKS_SEAL_MALFORMED');
  });

  test('keeps refusals, and says more where it knows more', async () => {
    const code = 'SEKS_SEAL_MALFORMED' as const;
    const refusals = [{ bindingUid: 'b1', credential: 'openai', code, message: 'from afar' }];
    const messageOf = (state: LeaseState): string =>
      (state.credentials.get('b1/openai') as SeksError).message;
    expect(messageOf(await open([], [missing, missing], { refusals }))).toContain('from afar');
    const problem = new SeksError(code, 'The envelope is too long.');
    const known: SourceFinding = { report: { state: 'unusable', code }, problem };
    expect(messageOf(await open([], [missing, known], { refusals }))).toContain('The envelope is too long.');
    const [refused] = refusals.map((refusal) => ({ ...refusal, code: 'SEKS_BINDING_SUSPENDED' as const }));
    expect(result(await open([], [missing, known], { refusals: refused ? [refused] : [] }))).toBe(
      'SEKS_BINDING_SUSPENDED',
    );
  });

  test('S7: a refusal beats a grant in the same answer', async () => {
    const refusals = [
      { bindingUid: 'b1', credential: 'openai', code: 'SEKS_BINDING_SUSPENDED' as const, message: '' },
    ];
    const state = await open([grantOf(entry, 0, user.dataKey)], [finding(user), missing], { refusals });
    expect(result(state)).toBe('SEKS_BINDING_SUSPENDED');
  });

  test('an unchanged key keeps its vault, a changed one does not', async () => {
    const first = await open([grantOf(entry, 0, user.dataKey)], [finding(user), missing]);
    const vault = (state: LeaseState) => (state.credentials.get('b1/openai') as GrantedCredential).vault;
    const same = await open([grantOf(entry, 0, user.dataKey)], [finding(user), missing], { previous: first });
    expect(vault(same)).toBe(vault(first));
    const changed = await sealFor('sk-proj-rotated-0123456789', {
      namespace: 'agents',
      secret: 'user',
      key: 'openai',
      provider: 'openai',
    });
    const next = await open([grantOf(entry, 0, changed.dataKey)], [finding(changed), missing], {
      previous: first,
    });
    expect(vault(next)).not.toBe(vault(first));
    expect(result(next)).toBe('sk-proj-rotated-0123456789');
  });
});

describe('refusal', () => {
  test('does not say the summary twice', () => {
    const plain = new SeksError('SEKS_BINDING_SUSPENDED');
    expect(refusal('SEKS_BINDING_SUSPENDED', plain.message).message).toBe(plain.message);
    expect(refusal('SEKS_BINDING_SUSPENDED', `${plain.message} By Bob.`).message).toBe(
      `${plain.message} By Bob.`,
    );
    expect(refusal('SEKS_BINDING_SUSPENDED', 'By Bob.').message).toBe(`${plain.message} By Bob.`);
  });
});
