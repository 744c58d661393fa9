import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { SeksError } from '@seks/crds';

import { indexPlacements } from '../credential/placement-index.ts';
import { createHeaderClassifier } from '../request/header-kind.ts';
import { createManualScheduler, type ManualScheduler } from '../testing/manual-scheduler.ts';
import { testEntry } from '../testing/sealed-source.ts';
import { testGrant } from '../testing/test-grant.ts';
import type { GrantedCredential } from './granted-credential.ts';
import { LeaseHolder, type LeaseState } from './lease-state.ts';

const entry = testEntry('openai');
const other = testEntry('openai', 'b2');
let scheduler: ManualScheduler;
let holder: LeaseHolder;

const grant = (): GrantedCredential => testGrant();

function state(credentials: [string, GrantedCredential | SeksError][], expiresAtMs = 1000): LeaseState {
  return {
    id: 'l',
    expiresAtMs,
    credentials: new Map(credentials),
    classifier: createHeaderClassifier(new Set()),
    placements: indexPlacements([]),
  };
}

function codeOf(of = entry, by = holder): string {
  try {
    by.granted(of);
    return 'granted';
  } catch (cause) {
    return (cause as SeksError).code;
  }
}

/** matches an error by its code */
function because(code: string): unknown {
  return expect.objectContaining({ code });
}

function isErased({ vault }: GrantedCredential): boolean {
  return vault.key.reveal((bytes) => bytes.every((byte) => byte === 0));
}

beforeEach(() => {
  scheduler = createManualScheduler();
  holder = new LeaseHolder(scheduler);
});

describe('S7: LeaseHolder', () => {
  test('grants nothing before the first lease', () => {
    expect(codeOf()).toBe('SEKS_LEASE_EXPIRED');
  });

  test('S12: grants until the lease has run out, and then breaks off what is running', async () => {
    const granted = grant();
    const cut = jest.fn();
    const ended = granted.vault.begin(cut);
    holder.replace(undefined, state([['b1/openai', granted]]));
    expect(codeOf()).toBe('granted');
    await scheduler.advance(999);
    expect([codeOf(), cut.mock.calls]).toEqual(['granted', []]);
    await scheduler.advance(1);
    expect([codeOf(), cut.mock.calls]).toEqual(['SEKS_LEASE_EXPIRED', [[because('SEKS_LEASE_EXPIRED')]]]);
    ended();
    expect(isErased(granted)).toBe(true);
  });

  test('says that the lease has run out even if its timer was early, as those of Node may be', () => {
    let expire = (): void => {};
    const early = new LeaseHolder({
      nowMs: () => 999.5,
      after: (_, run) => {
        expire = run;
        return () => {};
      },
    });
    early.replace(undefined, state([['b1/openai', grant()]]));
    expire();
    expect(codeOf(entry, early)).toBe('SEKS_LEASE_EXPIRED');
  });

  test('a renewed lease runs on', async () => {
    const first = state([['b1/openai', grant()]]);
    holder.replace(undefined, first);
    holder.replace(first, state([['b1/openai', grant()]], 2000));
    await scheduler.advance(1999);
    expect(codeOf()).toBe('granted');
  });

  test('answers with the refusal of the credential', () => {
    holder.replace(undefined, state([['b1/openai', new SeksError('SEKS_SECRET_MISSING')]]));
    expect(codeOf()).toBe('SEKS_SECRET_MISSING');
  });

  test('refuses a credential that the lease does not speak of', () => {
    holder.replace(undefined, state([]));
    expect(codeOf()).toBe('SEKS_CREDENTIAL_REMOVED');
  });

  test('S12: revokes one binding and keeps the other', () => {
    const [gone, kept] = [grant(), grant()];
    const cut = jest.fn();
    const keptCut = jest.fn();
    holder.replace(
      undefined,
      state([
        ['b1/openai', gone],
        ['b2/openai', kept],
      ]),
    );
    const ended = gone.vault.begin(cut);
    kept.vault.begin(keptCut);
    holder.revoke('b1', new SeksError('SEKS_BINDING_SUSPENDED'));
    expect([codeOf(), codeOf(other)]).toEqual(['SEKS_BINDING_SUSPENDED', 'granted']);
    expect(cut).toHaveBeenCalledWith(because('SEKS_BINDING_SUSPENDED'));
    expect(keptCut).not.toHaveBeenCalled();
    ended();
    expect([isErased(gone), isErased(kept)]).toEqual([true, false]);
  });

  test('a binding whose uid begins like the revoked one is another one', () => {
    holder.replace(undefined, state([['b2/openai', grant()]]));
    holder.revoke('b', new SeksError('SEKS_BINDING_DELETED'));
    expect(codeOf(other)).toBe('granted');
  });

  test('S12: refuses everything when the pod is refused, until a new lease', async () => {
    const gone = grant();
    holder.replace(undefined, state([['b1/openai', gone]]));
    holder.refusePod(new SeksError('SEKS_LEASE_POD_NOT_SEALED'));
    expect([codeOf(), isErased(gone)]).toEqual(['SEKS_LEASE_POD_NOT_SEALED', true]);
    await scheduler.advance(5000);
    expect(codeOf()).toBe('SEKS_LEASE_POD_NOT_SEALED');
    expect(holder.replace(holder.state, state([['b1/openai', grant()]], 9000))).toBe(true);
    expect(codeOf()).toBe('granted');
  });

  test('S14: a pod that is being deleted may finish what it has begun', () => {
    const running = grant();
    const cut = jest.fn();
    running.vault.begin(cut);
    holder.replace(undefined, state([['b1/openai', running]]));
    holder.refusePod(new SeksError('SEKS_LEASE_POD_TERMINATING'));
    expect([codeOf(), cut.mock.calls.length, isErased(running)]).toEqual([
      'SEKS_LEASE_POD_TERMINATING',
      0,
      false,
    ]);
  });

  test('S12: what was revoked while a lease was on its way does not come back with it', () => {
    const before = state([['b1/openai', grant()]]);
    holder.replace(undefined, before);
    const late = grant();
    holder.revoke('b1', new SeksError('SEKS_BINDING_SUSPENDED'));
    expect(holder.replace(before, state([['b1/openai', late]]))).toBe(false);
    expect([codeOf(), isErased(late)]).toEqual(['SEKS_BINDING_SUSPENDED', true]);
  });

  test('a lease puts its limits in force when it becomes the current one, and only then', () => {
    const before = state([['b1/openai', grant()]]);
    holder.replace(undefined, before);
    const [late, renewed] = [jest.fn(), jest.fn()];
    holder.revoke('b1', new SeksError('SEKS_BINDING_SUSPENDED'));
    holder.replace(before, state([['b1/openai', { ...grant(), enforceLimits: late }]]));
    holder.replace(holder.state, state([['b1/openai', { ...grant(), enforceLimits: renewed }]]));
    expect([late.mock.calls.length, renewed.mock.calls.length]).toEqual([0, 1]);
  });

  test('tells whether anything of a binding is granted', () => {
    expect(holder.grants('b1')).toBe(false);
    holder.replace(
      undefined,
      state([
        ['b1/other', new SeksError('SEKS_SECRET_MISSING')],
        ['b1/openai', grant()],
        ['b2/openai', grant()],
      ]),
    );
    expect([holder.grants('b1'), holder.grants('b')]).toEqual([true, false]);
    holder.revoke('b1', new SeksError('SEKS_BINDING_SUSPENDED'));
    expect([holder.grants('b1'), holder.grants('b2')]).toEqual([false, true]);
  });

  test('S1: erases keys that a new lease does not have, and keeps those that it shares', () => {
    const [gone, kept] = [grant(), grant()];
    const first = state([
      ['b1/openai', gone],
      ['b2/openai', kept],
    ]);
    holder.replace(undefined, first);
    holder.replace(first, state([['b2/openai', kept]]));
    expect([isErased(gone), isErased(kept)]).toEqual([true, false]);
  });

  describe('S12: what runs with a key that a new lease does not have', () => {
    let cut: ReturnType<typeof jest.fn>;
    let ended: () => void;
    let first: LeaseState;

    beforeEach(() => {
      const old = grant();
      cut = jest.fn();
      ended = old.vault.begin(cut);
      first = state([['b1/openai', old]]);
      holder.replace(undefined, first);
    });

    test.each([
      ['refuses for good', new SeksError('SEKS_SECRET_MISSING'), 'SEKS_SECRET_MISSING'],
      ['does not speak of', undefined, 'SEKS_CREDENTIAL_REMOVED'],
    ])('ends when the lease %s the credential', (_, found, code) => {
      holder.replace(first, state(found === undefined ? [] : [['b1/openai', found]]));
      expect(cut.mock.calls).toEqual([[because(code)]]);
    });

    test.each([
      ['has another key', grant()],
      ['refuses it for a while', new SeksError('SEKS_KMS_UNAVAILABLE')],
    ])('goes on when the lease %s, until it is revoked', (_, found) => {
      holder.replace(first, state([['b1/openai', found]]));
      holder.replace(holder.state, state([['b1/openai', grant()]]));
      holder.revoke('b2', new SeksError('SEKS_BINDING_SUSPENDED'));
      expect(cut).not.toHaveBeenCalled();
      holder.revoke('b1', new SeksError('SEKS_BINDING_SUSPENDED'));
      expect(cut.mock.calls).toEqual([[because('SEKS_BINDING_SUSPENDED')]]);
    });

    test.each([
      ['had another key', grant()],
      ['refused it for a while', new SeksError('SEKS_KMS_UNAVAILABLE')],
    ])('ends when a lease %s and a later one refuses it for good', (_, found) => {
      holder.replace(first, state([['b1/openai', found]]));
      const later = state([['b1/openai', new SeksError('SEKS_SECRET_MISSING')]]);
      holder.replace(holder.state, later);
      expect(cut.mock.calls).toEqual([[because('SEKS_SECRET_MISSING')]]);
    });

    test.each([
      ['had another key', grant()],
      ['refused it for a while', new SeksError('SEKS_KMS_UNAVAILABLE')],
    ])('ends when a lease %s and a later one does not speak of it', (_, found) => {
      holder.replace(first, state([['b1/openai', found]]));
      holder.replace(holder.state, state([]));
      expect(cut.mock.calls).toEqual([[because('SEKS_CREDENTIAL_REMOVED')]]);
    });

    describe.each([
      ['the pod', () => holder.refusePod(new SeksError('SEKS_LEASE_POD_TERMINATING'))],
      ['the binding', () => holder.revoke('b1', new SeksError('SEKS_LEASE_POD_TERMINATING'))],
    ])('goes on when %s is refused because the pod is being deleted', (_, terminate) => {
      test.each([
        ['is current', false],
        ['went out before', true],
      ])('and its key %s; not when the binding is revoked', (__, rotated) => {
        if (rotated) holder.replace(first, state([['b1/openai', grant()]]));
        terminate();
        expect(cut).not.toHaveBeenCalled();
        holder.revoke('b1', new SeksError('SEKS_BINDING_SUSPENDED'));
        expect(cut.mock.calls).toEqual([[because('SEKS_BINDING_SUSPENDED')]]);
      });

      test('but not longer than the lease', async () => {
        terminate();
        await scheduler.advance(999);
        expect(cut).not.toHaveBeenCalled();
        await scheduler.advance(1);
        expect(cut.mock.calls).toEqual([[because('SEKS_LEASE_EXPIRED')]]);
      });

      test('but not when the pod is refused for another reason', () => {
        terminate();
        holder.refusePod(new SeksError('SEKS_LEASE_POD_NOT_SEALED'));
        expect(cut.mock.calls).toEqual([[because('SEKS_LEASE_POD_NOT_SEALED')]]);
      });
    });

    test('ends with the lease, and when the pod is refused', async () => {
      holder.replace(first, state([['b1/openai', grant()]]));
      await scheduler.advance(1000);
      expect(cut.mock.calls).toEqual([[because('SEKS_LEASE_EXPIRED')]]);
      holder.refusePod(new SeksError('SEKS_LEASE_POD_NOT_SEALED'));
      expect(cut.mock.calls).toEqual([
        [because('SEKS_LEASE_EXPIRED')],
        [because('SEKS_LEASE_POD_NOT_SEALED')],
      ]);
    });

    test('is forgotten when it has ended', () => {
      holder.replace(first, state([['b1/openai', grant()]]));
      ended();
      holder.revoke('b1', new SeksError('SEKS_BINDING_SUSPENDED'));
      expect(cut).not.toHaveBeenCalled();
    });
  });
});
