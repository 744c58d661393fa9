import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';

import type { KubeApi } from './kube-api.ts';
import type { ConfigMap } from './objects.ts';
import { createReflector } from './reflector.ts';
import type { Reflector, ReflectorOptions, RestartReason } from './reflector.ts';
import { CONFIG_MAPS } from './resources.ts';
import type { StoreChange } from './store.ts';
import { startMockApiServer } from './testing/mock-api-server.ts';
import type { Fault, MockApiServer } from './testing/mock-api-server.ts';
import { until } from './testing/until.ts';

const FAST = {
  backoffMinMs: 1,
  backoffMaxMs: 5,
  steadyMs: 10_000,
  silenceMs: 60,
  watchSeconds: 0,
  graceMs: 60,
};

let server: MockApiServer;
let abort: AbortController;
let running: Promise<void>[];

beforeEach(async () => {
  server = await startMockApiServer();
  abort = new AbortController();
  running = [];
});

afterEach(async () => {
  abort.abort();
  await Promise.all(running);
  await server.close();
});

function start(options: Partial<ReflectorOptions<ConfigMap>> = {}): {
  reflector: Reflector<ConfigMap>;
  restarts: RestartReason[];
  changes: string[];
} {
  const restarts: RestartReason[] = [];
  const changes: string[] = [];
  const reflector = createReflector({
    api: server.api,
    resource: CONFIG_MAPS,
    clock: () => performance.now(),
    random: () => 0,
    log: pino({ level: 'silent' }),
    observer: {
      alive: () => undefined,
      relisted: () => undefined,
      restarted: (reason) => restarts.push(reason),
    },
    timing: FAST,
    ...options,
  });
  reflector.store.subscribe((change) => changes.push(describeChange(change)));
  running.push(reflector.run(abort.signal));
  return { reflector, restarts, changes };
}

function describeChange({ name, previous, current }: StoreChange<ConfigMap>): string {
  const kind = current === undefined ? 'deleted' : previous === undefined ? 'added' : 'changed';
  return `${kind} ${name}${current?.data?.['v'] === undefined ? '' : `=${current.data['v']}`}`;
}

function put(name: string, v: string): void {
  server.put(CONFIG_MAPS, { metadata: { name, namespace: 'ns' }, data: { v } });
}

function content(reflector: Reflector<ConfigMap>): Record<string, string | undefined> {
  return Object.fromEntries(
    reflector.store.list('ns').map((object) => [object.metadata.name, object.data?.['v']]),
  );
}

function truth(): Record<string, string | undefined> {
  const objects = server.list(CONFIG_MAPS);
  return Object.fromEntries(
    objects.map((object) => [object.metadata.name, (object['data'] as { v: string }).v]),
  );
}

const equalsTruth = (reflector: Reflector<ConfigMap>) => (): boolean =>
  lines(content(reflector)) === lines(truth());

function lines(objects: Record<string, string | undefined>): string {
  return Object.entries(objects)
    .map(([name, v]) => `${name}=${v}`)
    .toSorted((a, b) => a.localeCompare(b))
    .join('\n');
}

describe('list and watch', () => {
  test('reads all pages, then follows additions, changes and deletions in order', async () => {
    for (let i = 0; i < 7; i += 1) put(`a${i}`, '1');
    const { reflector, changes } = start({ pageSize: 3 });
    await until('the list is complete', () => reflector.store.synced());
    expect(server.requests.filter((request) => request.startsWith('GET'))).toHaveLength(3);
    await until('the watch is open', () => server.watchers(CONFIG_MAPS) === 1);
    changes.length = 0;
    put('b', '1');
    put('b', '2');
    server.remove(CONFIG_MAPS, 'a0', 'ns');
    put('b', '3');
    await until('all four arrived', () => changes.length === 4);
    expect(changes).toEqual(['added b=1', 'changed b=2', 'deleted a0', 'changed b=3']);
    expect(content(reflector)).toEqual(truth());
  });

  test('is not synced before the last page', async () => {
    for (let i = 0; i < 4; i += 1) put(`a${i}`, '1');
    let openSecondPage = (): void => undefined;
    const secondPage = new Promise<void>((resolve) => (openSecondPage = resolve));
    const api: Pick<KubeApi, 'list' | 'watch'> = {
      ...server.api,
      async list(resource, selection, signal) {
        if (selection.continue !== undefined) await secondPage;
        return await server.api.list(resource, selection, signal);
      },
    };
    const { reflector } = start({ api, pageSize: 2 });
    await until('the first page is in', () => reflector.store.list().length === 2);
    expect(reflector.store.synced()).toBe(false);
    openSecondPage();
    await until('it is synced', () => reflector.store.synced());
    expect(reflector.store.list()).toHaveLength(4);
  });

  test('keeps only what prune leaves', async () => {
    put('a', '1');
    const { reflector } = start({
      prune: ({ metadata: { name, namespace } }) => ({ metadata: { name, namespace: namespace ?? '' } }),
    });
    await until('the list is complete', () => reflector.store.synced());
    expect(reflector.store.get('ns', 'a')).toEqual({ metadata: { name: 'a', namespace: 'ns' } });
  });

  test('tells how long it has heard nothing', async () => {
    const { reflector } = start();
    expect(reflector.silentForMs()).toBe(Infinity);
    await until('the list is complete', () => reflector.store.synced());
    expect(reflector.silentForMs()).toBeLessThan(10_000);
  });
});

const gone = { status: 410, reason: 'Expired' };
const faults: [string, Fault, RestartReason | undefined][] = [
  ['a reset at watch', { on: 'watch', what: 'reset' }, 'network'],
  ['a reset at list', { on: 'list', what: 'reset' }, 'network'],
  ['HTTP 410 at watch', { on: 'watch', what: 'status', ...gone }, 'gone'],
  ['HTTP 410 at list', { on: 'list', what: 'status', ...gone }, 'gone'],
  ['a 410 ERROR event', { on: 'watch', what: 'gone-event' }, 'gone'],
  ['HTTP 429 at list', { on: 'list', what: 'status', status: 429, retryAfterSeconds: 0 }, 'http'],
  ['HTTP 500 at watch', { on: 'watch', what: 'status', status: 500 }, 'http'],
  ['HTTP 403 at list', { on: 'list', what: 'status', status: 403, reason: 'Forbidden' }, 'http'],
  ['a cut line', { on: 'watch', what: 'truncate' }, 'truncated'],
  ['a line that is no JSON', { on: 'watch', what: 'garbage' }, 'truncated'],
  ['a line that is too long', { on: 'watch', what: 'long-line', bytes: 70_000 }, 'line-too-long'],
  ['a reset after one event', { on: 'watch', what: 'cut-after', events: 1 }, 'network'],
  ['a clean close', { on: 'watch', what: 'close' }, 'closed'],
  ['a half-open watch', { on: 'watch', what: 'silent' }, 'silent'],
  ['a watch that is never answered', { on: 'watch', what: 'stall' }, 'silent'],
  ['a slow trickle', { on: 'watch', what: 'trickle' }, undefined],
];

describe('faults', () => {
  test.each(faults)('converges after %s', async (_name, fault, reason) => {
    put('old', '1');
    server.faults.push(fault);
    const { reflector, restarts } = start({ maxLineBytes: 64 * 1024 });
    await until('the list is complete', () => reflector.store.synced());
    // A fault of the watch may need events to show.
    put('new', '1');
    put('old', '2');
    server.remove(CONFIG_MAPS, 'new', 'ns');
    put('newer', 'wörter 🔑');
    await until('the store equals the server', equalsTruth(reflector));
    expect(server.faults).toEqual([]);
    if (reason === undefined) expect(restarts).not.toContain('truncated');
    else expect(restarts[0]).toBe(reason);
  });

  test('converges after every sequence of three faults', async () => {
    const kinds = faults.map(([, fault]) => fault).filter((fault) => fault.what !== 'long-line');
    for (let i = 0; i < 24; i += 1) {
      for (const step of [1, 3, 5]) server.faults.push(kinds[(i * step) % kinds.length] as Fault);
    }
    const { reflector } = start();
    let round = 0;
    await until(
      'all faults have happened',
      () => {
        round += 1;
        put(`object-${round % 5}`, String(round));
        if (round % 7 === 0) server.remove(CONFIG_MAPS, `object-${round % 3}`, 'ns');
        return server.faults.length === 0;
      },
      30_000,
    );
    await until('the store equals the server', equalsTruth(reflector));
  }, 40_000);

  test('resumes from the last version instead of listing again', async () => {
    const { reflector, changes } = start();
    await until('the watch is open', () => server.watchers(CONFIG_MAPS) === 1);
    put('a', '1');
    await until('it arrived', () => changes.length === 1);
    server.dropWatches();
    put('b', '1');
    await until('it arrived', () => changes.length === 2);
    expect(server.requests.filter((request) => request.startsWith('GET'))).toHaveLength(1);
    expect(content(reflector)).toEqual(truth());
  });

  test('synthesises deletions and replacements that nobody saw', async () => {
    put('stays', '1');
    put('goes', '1');
    put('comes-back', '1');
    const { reflector, changes } = start();
    await until('the watch is open', () => server.watchers(CONFIG_MAPS) === 1);
    changes.length = 0;
    server.faults.push({ on: 'watch', what: 'reset' });
    server.dropWatches();
    server.remove(CONFIG_MAPS, 'goes', 'ns');
    server.remove(CONFIG_MAPS, 'comes-back', 'ns');
    put('comes-back', '1');
    server.compact();
    await until('the store equals the server', () => equalsTruth(reflector)() && changes.length >= 3);
    expect(changes.toSorted()).toEqual(['added comes-back=1', 'deleted comes-back', 'deleted goes']);
  });

  test('honours Retry-After', async () => {
    server.faults.push({ on: 'list', what: 'status', status: 429, retryAfterSeconds: 1 });
    const startedAtMs = performance.now();
    const { reflector } = start();
    await until('the list is complete', () => reflector.store.synced());
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(999);
  });

  test('a subscriber that throws harms nobody', async () => {
    const { reflector, changes } = start();
    reflector.store.subscribe(() => {
      throw new Error('broken subscriber');
    });
    await until('the watch is open', () => server.watchers(CONFIG_MAPS) === 1);
    put('a', '1');
    put('b', '1');
    await until('both arrived', () => changes.length === 2);
  });
});

describe('abort', () => {
  test.each<[string, Fault | undefined]>([
    ['during a watch', undefined],
    ['during a list that is never answered', { on: 'list', what: 'stall' }],
    ['while it waits for Retry-After', { on: 'list', what: 'status', status: 429, retryAfterSeconds: 60 }],
  ])('stops at once %s', async (_name, fault) => {
    if (fault !== undefined) server.faults.push(fault);
    const { reflector } = start();
    const path = server.requests;
    await until('it is under way', () =>
      fault === undefined ? server.watchers(CONFIG_MAPS) === 1 : path.length === 1,
    );
    expect(reflector.store.synced()).toBe(fault === undefined);
    const startedAtMs = performance.now();
    abort.abort();
    await Promise.all(running);
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
    const before = path.length;
    await new Promise((resolve) => setImmediate(resolve));
    expect(path).toHaveLength(before);
  });
});
