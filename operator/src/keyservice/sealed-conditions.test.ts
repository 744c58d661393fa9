import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';
import type { ErrorCode, SeksBinding } from '@seks/crds';
import { pino } from 'pino';

import { createReflector } from '../kube/reflector.ts';
import { SEKS_BINDINGS } from '../kube/resources.ts';
import { startMockApiServer } from '../kube/testing/mock-api-server.ts';
import type { MockApiServer, MockObject } from '../kube/testing/mock-api-server.ts';
import { until } from '../kube/testing/until.ts';
import { createSealedConditions, sealedVerdict } from './sealed-conditions.ts';
import type { SealOutcome, SealedConditions } from './sealed-conditions.ts';
import { NAMESPACE, NOW_MS, researchBinding } from './testing/fixture.ts';

const source = { tier: 'user' as const, secret: 'alice-keys', key: 'openai' };
const bad = (credential: string, code: ErrorCode): SealOutcome => ({
  credential,
  error: new SeksError(code),
  source,
});
const good = (credential: string): SealOutcome => ({ credential });

describe('verdict', () => {
  const verdict = (outcomes: SealOutcome[]) =>
    sealedVerdict(researchBinding(), new Map(outcomes.map((outcome) => [outcome.credential, outcome])));

  test('is open when all known credentials are', () => {
    expect(verdict([good('openai'), good('claude')])).toMatchObject({ status: 'True', reason: 'Opened' });
  });

  test('names credential, Secret, key and what to do', () => {
    expect(verdict([good('claude'), bad('openai', 'SEKS_SECRET_MISSING')])).toEqual({
      status: 'False',
      reason: 'SecretMissing',
      message:
        'Credential openai, Secret alice-keys, key openai: No source of the credential has a Secret with the named key. ' +
        'Create the sealed Secret in the namespace of the pod; running pods pick it up.',
    });
  });

  test('is the worst of all, whatever the order', () => {
    const outcomes = [bad('openai', 'SEKS_SECRET_MISSING'), bad('claude', 'SEKS_SECRET_NOT_SEALED')];
    expect(verdict(outcomes)?.reason).toBe('SecretNotSealed');
    expect(verdict(outcomes.toReversed())?.reason).toBe('SecretNotSealed');
  });

  test('says nothing about credentials that the binding no longer has', () => {
    expect(verdict([bad('old', 'SEKS_SECRET_MISSING')])).toBeUndefined();
  });
});

describe('writing', () => {
  let server: MockApiServer;
  let abort: AbortController;
  let running: Promise<unknown>;
  let sealed: SealedConditions;

  beforeEach(async () => {
    server = await startMockApiServer();
    abort = new AbortController();
    server.put(SEKS_BINDINGS, researchBinding() as unknown as MockObject);
    const shared = { api: server.api, clock: () => NOW_MS, random: () => 0, log: pino({ level: 'silent' }) };
    const reflector = createReflector({ ...shared, resource: SEKS_BINDINGS });
    sealed = createSealedConditions({ ...shared, bindings: reflector.store, debounceMs: 1 });
    running = Promise.all([reflector.run(abort.signal), sealed.run(abort.signal)]);
    await until(
      'the binding is known',
      () => reflector.store.synced() && server.watchers(SEKS_BINDINGS) === 1,
    );
  });

  afterEach(async () => {
    abort.abort();
    await running;
    await server.close();
  });

  const condition = () =>
    (server.get(SEKS_BINDINGS, 'research', NAMESPACE) as unknown as SeksBinding).status?.conditions?.[0];
  const patches = (): number => server.requests.filter((request) => request.startsWith('PATCH')).length;

  test('writes a condition of its own, follows changes, and does not repeat itself', async () => {
    sealed.report('uid-of-research', [bad('openai', 'SEKS_SECRET_MISSING')]);
    await until('the refusal is written', () => condition()?.reason === 'SecretMissing');
    expect(condition()).toMatchObject({
      type: 'Sealed',
      status: 'False',
      observedGeneration: 1,
      lastTransitionTime: '2026-03-01T12:00:00Z',
    });
    sealed.report('uid-of-research', [good('openai'), good('claude')]);
    await until('the recovery is written', () => condition()?.status === 'True');
    sealed.report('uid-of-research', [good('openai')]);
    sealed.report('uid-of-research', [bad('claude', 'SEKS_BINDING_SUSPENDED')]);
    sealed.report('uid-of-other', [bad('openai', 'SEKS_SECRET_MISSING')]);
    sealed.report('uid-of-research', [bad('claude', 'SEKS_SECRET_NOT_SEALED')]);
    await until('the next refusal is written', () => condition()?.reason === 'SecretNotSealed');
    expect(patches()).toBe(3);
    expect(server.requests).toContain(
      `PATCH /apis/seks.ai/v1alpha1/namespaces/${NAMESPACE}/seksbindings/research/status`,
    );
  });

  test('leaves the other conditions alone, and keeps the time of the transition', async () => {
    const before = {
      type: 'Sealed',
      status: 'False',
      reason: 'X',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'Ready',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    const stored = { ...researchBinding(), status: { conditions: [before, ready] } };
    server.put(SEKS_BINDINGS, stored as unknown as MockObject);
    sealed.report('uid-of-research', [bad('openai', 'SEKS_SECRET_MISSING')]);
    await until('the refusal is written', () => condition()?.reason === 'SecretMissing');
    expect(condition()?.lastTransitionTime).toBe('2026-01-01T00:00:00Z');
    expect(server.get(SEKS_BINDINGS, 'research', NAMESPACE)).toMatchObject({
      status: { conditions: [{}, ready] },
    });
  });

  test('a binding that went away in the meantime is no error', async () => {
    server.onWrite = () => 404;
    sealed.report('uid-of-research', [good('openai')]);
    await until('it was tried', () => patches() === 1);
    server.onWrite = undefined;
    sealed.report('uid-of-research', [good('openai')]);
    await until('the next report is written', () => condition()?.status === 'True');
    expect(patches()).toBe(2);
  });
});
