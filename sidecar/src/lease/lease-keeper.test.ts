import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { FEATURES, headerOf, type LeaseAnswer, type LeaseRequest, Secret, SeksError } from '@seks/crds';
import { pino } from 'pino';

import { credentialKey } from '../credential/tokens.ts';
import { createManualScheduler, type ManualScheduler, settle } from '../testing/manual-scheduler.ts';
import { grantOf, sealFor, type SealedSource, testEntry } from '../testing/sealed-source.ts';
import { noLink, testLimits } from '../testing/test-grant.ts';
import type { KeyService, LeaseEvents } from './key-service.ts';
import { KeyVault } from './key-vault.ts';
import { LeaseKeeper, START_LIMIT_MS } from './lease-keeper.ts';
import type { GrantedCredential } from './granted-credential.ts';
import { LeaseHolder } from './lease-state.ts';
import { openLease, refusal } from './open-lease.ts';
import type { PrivateFiles } from './sealed-files.ts';

const TTL_MS = 900_000;
const entry = testEntry('openai');
let sealed: SealedSource;
let scheduler: ManualScheduler;
let holder: LeaseHolder;
let keeper: LeaseKeeper;
let requests: LeaseRequest[];
let answer: () => Promise<LeaseAnswer>;
let streams: { leaseId: string; events: LeaseEvents; end: () => void; isEnded: boolean }[];
/** whether a stream opens; may throw */
let opens: (signal: AbortSignal) => boolean;
let filesVersion: string;
let logged: string[];
let leasedForMs: number[];
let rejected: SeksError | undefined;
let open: typeof openLease;

beforeAll(async () => {
  sealed = await sealFor('sk-proj-CANARY-0123456789', {
    namespace: 'agents',
    secret: 'user',
    key: 'openai',
    provider: 'openai',
  });
});

beforeEach(() => {
  scheduler = createManualScheduler();
  holder = new LeaseHolder(scheduler);
  requests = [];
  streams = [];
  logged = [];
  leasedForMs = [];
  filesVersion = 'v1';
  answer = () => Promise.resolve(granted());
  opens = () => true;
  rejected = undefined;
  open = openNothing;
  keeper = new LeaseKeeper({
    namespace: 'agents',
    entries: [entry],
    holder,
    keyService,
    files,
    linkFor: noLink,
    limitsFor: testLimits(),
    open: (given, options) => open(given, options),
    scheduler,
    random: () => 0.5,
    log: pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) }),
    leased: (ttlMs) => leasedForMs.push(ttlMs),
  });
});

afterEach(() => keeper.stop());

const files: PrivateFiles = {
  token: () => Promise.resolve(new Secret('pod-token', 'CANARY-token')),
  version: () => Promise.resolve(filesVersion),
  reject: (_source, _envelope, problem) => {
    rejected = problem;
  },
  source: ({ secret }) =>
    Promise.resolve(
      secret === 'user'
        ? rejected !== undefined
          ? { report: { state: 'unusable', code: 'SEKS_SEAL_CORRUPT' }, problem: rejected }
          : { report: { state: 'sealed', header: headerOf(sealed.envelope) }, envelope: sealed.envelope }
        : { report: { state: 'missing' } },
    ),
};

const keyService: KeyService = {
  lease(request) {
    requests.push(request);
    return answer();
  },
  listen(leaseId, _token, events, signal) {
    return new Promise((resolve) => {
      const stream = { leaseId, events, isEnded: false, end: () => {} };
      stream.end = () => {
        stream.isEnded = true;
        resolve();
      };
      signal.addEventListener('abort', stream.end);
      streams.push(stream);
      if (opens(signal)) events.opened();
    });
  },
};

/** opens no envelope: that takes a time that the manual scheduler does not know */
const openNothing: typeof openLease = async ({ credentials, refusals, ...answer }, options) => {
  const empty = await openLease({ ...answer, credentials: [], refusals: [] }, options);
  const vault = new KeyVault(new Secret('provider-key', 'sk-key-0123456789'));
  const granted: Partial<GrantedCredential> = { vault, enforceLimits: () => undefined };
  const grants = credentials.map((of) => [credentialKey(of), granted as GrantedCredential] as const);
  const refused = refusals.map(
    ({ code, message, ...of }) => [credentialKey(of), refusal(code, message)] as const,
  );
  return { ...empty, credentials: new Map<string, GrantedCredential | SeksError>([...grants, ...refused]) };
};

function granted(): LeaseAnswer {
  const credentials = [grantOf(entry, 0, sealed.dataKey)];
  return { id: `l${requests.length}`, ttlSeconds: TTL_MS / 1000, credentials, refusals: [], caBundle: 'ca' };
}

function refused(code: LeaseAnswer['refusals'][number]['code']): LeaseAnswer {
  const refusals = [{ bindingUid: 'b1', credential: 'openai', code, message: '' }];
  return { ...granted(), credentials: [], refusals };
}

function revoke(): void {
  streams[0]?.events.revoked({ bindingUid: 'b1', code: 'SEKS_BINDING_SUSPENDED', message: '' });
}

function refuse(code: ConstructorParameters<typeof SeksError>[0]) {
  return () => Promise.reject(new SeksError(code));
}

function state(): string {
  try {
    holder.granted(entry);
    return 'granted';
  } catch (cause) {
    return (cause as SeksError).code;
  }
}

/** starts; time passes as fast as it is needed */
async function start(): Promise<void> {
  const started = keeper.start();
  await settle();
  await started;
  await settle();
}

describe('at start', () => {
  test('asks for what it found, and holds the lease', async () => {
    await start();
    expect(requests).toEqual([
      {
        protocol: 1,
        features: [...FEATURES],
        credentials: [
          {
            bindingUid: 'b1',
            credential: 'openai',
            sources: [{ state: 'sealed', header: headerOf(sealed.envelope) }, { state: 'missing' }],
          },
        ],
      },
    ]);
    expect(state()).toBe('granted');
    expect(leasedForMs).toEqual([TTL_MS]);
    expect(streams.map(({ leaseId }) => leaseId)).toEqual(['l1']);
  });

  test('tells the key service of an envelope that its data key does not open, once', async () => {
    open = (given, options) => {
      const [source] = entry.sources;
      if (source !== undefined && rejected === undefined) {
        options.reject(source, sealed.envelope, new SeksError('SEKS_SEAL_CORRUPT'));
      }
      return openNothing(given, options);
    };
    await start();
    expect(requests.map(({ credentials }) => credentials[0]?.sources[0]?.state)).toEqual([
      'sealed',
      'unusable',
    ]);
  });

  test('a lease with nothing but refusals is a lease', async () => {
    answer = () => Promise.resolve(refused('SEKS_SECRET_MISSING'));
    await start();
    expect(state()).toBe('SEKS_SECRET_MISSING');
  });

  test('tries again until it succeeds', async () => {
    answer = refuse('SEKS_KEYSERVICE_UNREACHABLE');
    const started = keeper.start();
    await scheduler.advance(10_000);
    expect(requests.length).toBeGreaterThan(3);
    answer = () => Promise.resolve(granted());
    await scheduler.advance(15_000);
    await started;
    expect(state()).toBe('granted');
  });

  test('S7: gives up after two minutes with the last reason', async () => {
    answer = refuse('SEKS_KEYSERVICE_UNREACHABLE');
    const started = keeper.start().catch((error: SeksError) => error.code);
    await scheduler.advance(START_LIMIT_MS);
    expect(await started).toBe('SEKS_KEYSERVICE_UNREACHABLE');
    expect(state()).toBe('SEKS_LEASE_EXPIRED');
  });

  test('S7: gives up at once when trying again is of no use', async () => {
    answer = refuse('SEKS_LEASE_POD_NOT_SEALED');
    await expect(keeper.start()).rejects.toMatchObject({ code: 'SEKS_LEASE_POD_NOT_SEALED' });
    expect(requests).toHaveLength(1);
  });
});

describe('renewal', () => {
  beforeEach(start);

  test('at a third of the time', async () => {
    await scheduler.advance(TTL_MS / 3 - 1);
    expect(requests).toHaveLength(1);
    await scheduler.advance(1);
    expect(requests).toHaveLength(2);
    expect(state()).toBe('granted');
    expect(leasedForMs).toEqual([TTL_MS, TTL_MS]);
  });

  test('S12: what cannot be renewed runs out', async () => {
    answer = refuse('SEKS_KEYSERVICE_UNREACHABLE');
    await scheduler.advance(TTL_MS - 1);
    expect(state()).toBe('granted');
    expect(requests.length).toBeGreaterThan(10);
    await scheduler.advance(1);
    expect(state()).toBe('SEKS_LEASE_EXPIRED');
    answer = () => Promise.resolve(granted());
    await scheduler.advance(15_000);
    expect(state()).toBe('granted');
  });

  test('S12: the time of a lease runs from when it was asked for', async () => {
    answer = () =>
      new Promise((resolve) => {
        scheduler.after(9_000, () => resolve(granted()));
      });
    await scheduler.advance(TTL_MS / 3 + 9_000);
    expect(leasedForMs).toEqual([TTL_MS, TTL_MS - 9_000]);
  });

  test.each([
    'SEKS_LEASE_POD_NOT_SEALED',
    'SEKS_LEASE_POD_TERMINATING',
    'SEKS_LEASE_POD_UNKNOWN',
    'SEKS_LEASE_TOKEN_INVALID',
  ] as const)('S12: %s drops everything at once, and comes back when that is over', async (code) => {
    answer = refuse(code);
    await scheduler.advance(TTL_MS / 3);
    expect(state()).toBe(code);
    answer = () => Promise.resolve(granted());
    await scheduler.advance(15_000);
    expect(state()).toBe('granted');
  });

  test.each(['SEKS_KEYSERVICE_NOT_READY', 'SEKS_LEASE_RATE_LIMITED', 'SEKS_INTERNAL'] as const)(
    '%s drops nothing',
    async (code) => {
      answer = refuse(code);
      await scheduler.advance(TTL_MS / 3);
      expect(state()).toBe('granted');
    },
  );

  test('within a second after the kubelet has refreshed the files', async () => {
    filesVersion = 'v2';
    await scheduler.advance(1_000);
    expect(requests).toHaveLength(2);
    await scheduler.advance(10_000);
    expect(requests).toHaveLength(2);
  });

  test('once, when the files change while the key service is away', async () => {
    answer = refuse('SEKS_KEYSERVICE_UNREACHABLE');
    filesVersion = 'v2';
    await scheduler.advance(1_000);
    expect(requests).toHaveLength(2);
    answer = () => Promise.resolve(granted());
    await scheduler.advance(15_000);
    expect(requests).toHaveLength(3);
  });

  test('stops when told to', async () => {
    keeper.stop();
    await scheduler.advance(TTL_MS);
    expect(requests).toHaveLength(1);
    expect(streams[0]?.isEnded).toBe(true);
    expect(scheduler.pending()).toEqual([]);
  });
});

describe('events', () => {
  beforeEach(start);

  test('changed: a new lease at once', async () => {
    streams[0]?.events.changed();
    await settle();
    expect(requests).toHaveLength(2);
  });

  test('changed while a lease is on its way: another one after it', async () => {
    let arrive: (() => void) | undefined;
    answer = () =>
      new Promise((resolve) => {
        arrive = () => resolve(granted());
      });
    streams[0]?.events.changed();
    await settle();
    streams[0]?.events.changed();
    streams[0]?.events.changed();
    await settle();
    expect(requests).toHaveLength(2);
    answer = () => Promise.resolve(granted());
    arrive?.();
    await settle();
    expect(requests).toHaveLength(3);
  });

  test('S12: revoked: refused from this moment on, with the code', async () => {
    streams[0]?.events.revoked({
      bindingUid: 'b1',
      code: 'SEKS_BINDING_SUSPENDED',
      message: 'Suspended by Bob.',
    });
    expect(state()).toBe('SEKS_BINDING_SUSPENDED');
    // Then it asks what holds, in case another replica knows better.
    await scheduler.advance(2_000);
    expect(requests).toHaveLength(2);
  });

  test('S12: revoked while a lease is on its way: that lease does not count', async () => {
    let arrive: (() => void) | undefined;
    answer = () =>
      new Promise((resolve) => {
        arrive = () => resolve(granted());
      });
    streams[0]?.events.changed();
    await settle();
    streams[0]?.events.revoked({ bindingUid: 'b1', code: 'SEKS_BINDING_DELETED', message: '' });
    // From a replica that lags.
    answer = () => Promise.resolve(granted());
    arrive?.();
    await scheduler.advance(1_999);
    expect([state(), requests.length]).toEqual(['SEKS_BINDING_DELETED', 2]);
    answer = () => Promise.resolve(refused('SEKS_BINDING_DELETED'));
    await scheduler.advance(1);
    expect([state(), requests.length]).toEqual(['SEKS_BINDING_DELETED', 3]);
  });

  test.each([
    ['a change', () => streams[0]?.events.changed()],
    [
      'a refresh of the files',
      () => {
        filesVersion = 'v2';
      },
    ],
  ])('S12: %s right after a revocation waits, too', async (_, happens) => {
    revoke();
    happens();
    await scheduler.advance(1_999);
    expect([state(), requests.length]).toEqual(['SEKS_BINDING_SUSPENDED', 1]);
    await scheduler.advance(1);
    // Suspended by mistake, and at once put right again.
    expect([state(), requests.length]).toEqual(['granted', 2]);
  });

  test('S12: a failure right after a revocation does not shorten the wait', async () => {
    let fail: (() => void) | undefined;
    answer = () =>
      new Promise((_, reject) => {
        fail = () => reject(new SeksError('SEKS_KEYSERVICE_UNREACHABLE'));
      });
    streams[0]?.events.changed();
    await settle();
    revoke();
    answer = () => Promise.resolve(granted());
    fail?.();
    await scheduler.advance(1_999);
    expect([state(), requests.length]).toEqual(['SEKS_BINDING_SUSPENDED', 2]);
    await scheduler.advance(1);
    expect(requests).toHaveLength(3);
  });

  test('S12: what is granted again soon after its revocation is asked for once more', async () => {
    revoke();
    await scheduler.advance(2_000);
    expect([state(), requests.length]).toEqual(['granted', 2]);
    answer = () => Promise.resolve(refused('SEKS_BINDING_SUSPENDED'));
    await scheduler.advance(12_999);
    expect([state(), requests.length]).toEqual(['granted', 2]);
    await scheduler.advance(1);
    expect([state(), requests.length]).toEqual(['SEKS_BINDING_SUSPENDED', 3]);
    await scheduler.advance(TTL_MS / 3 - 1);
    expect(requests).toHaveLength(3);
  });

  test('what is granted again for good is asked for no more often than anything else', async () => {
    revoke();
    await scheduler.advance(15_000);
    expect(requests).toHaveLength(3);
    await scheduler.advance(TTL_MS / 3 - 1);
    expect([state(), requests.length]).toEqual(['granted', 3]);
  });

  test('what stays refused is not asked for once more', async () => {
    answer = () => Promise.resolve(refused('SEKS_BINDING_SUSPENDED'));
    revoke();
    await scheduler.advance(60_000);
    expect(requests).toHaveLength(2);
  });

  test('S12: a stream that is silent for 15 s is given up, and opened again with the newest lease', async () => {
    await scheduler.advance(14_999);
    expect(streams).toHaveLength(1);
    streams[0]?.events.alive();
    await scheduler.advance(14_999);
    expect(streams[0]?.isEnded).toBe(false);
    streams[0]?.events.changed();
    await scheduler.advance(1);
    expect(streams[0]?.isEnded).toBe(true);
    await scheduler.advance(1_000);
    expect(streams.map(({ leaseId }) => leaseId)).toEqual(['l1', 'l2']);
    expect(state()).toBe('granted');
  });

  test('S12: a stream that never opens is given up after 15 s, too', async () => {
    let given: AbortSignal | undefined;
    opens = (signal) => {
      given = signal;
      return false;
    };
    streams[0]?.end();
    await scheduler.advance(1_000);
    expect(given?.aborted).toBe(false);
    await scheduler.advance(15_000);
    expect(given?.aborted).toBe(true);
  });

  test('a stream that the key service ends is opened again, ever more slowly while that fails', async () => {
    let attempts = 0;
    opens = () => {
      attempts += 1;
      throw new SeksError('SEKS_KEYSERVICE_UNREACHABLE');
    };
    streams[0]?.end();
    await scheduler.advance(120_000);
    expect(attempts).toBeGreaterThan(5);
    expect(attempts).toBeLessThan(30);
    expect(requests).toHaveLength(1);
    streams.length = 0;
    opens = () => true;
    await scheduler.advance(15_000);
    expect(streams).toHaveLength(1);
  });

  test('a lease id that is not accepted is exchanged', async () => {
    opens = () => {
      throw new SeksError('SEKS_LEASE_ID_INVALID');
    };
    streams[0]?.end();
    await scheduler.advance(1_000);
    expect(requests.length).toBeGreaterThan(1);
  });
});

test('S9: the log names codes and counts, and nothing secret', async () => {
  await start();
  streams[0]?.events.revoked({ bindingUid: 'b1', code: 'SEKS_BINDING_SUSPENDED', message: 'x' });
  answer = refuse('SEKS_LEASE_POD_UNKNOWN');
  await scheduler.advance(3_000);
  const text = logged.join('');
  for (const event of ['lease_granted', 'binding_revoked', 'lease_refused']) expect(text).toContain(event);
  expect(text).not.toContain('CANARY');
  expect(text).not.toContain(sealed.dataKey);
});
