// What a SeksBinding says about itself on a real API server, and what kubectl shows of it.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Kubectl, KubeObject } from '../harness/kubectl.ts';
import { credential, seksBinding, type CredentialSpec } from '../harness/objects.ts';
import { clusterSuite } from '../harness/suite.ts';
import {
  applyBinding,
  makeNamespace,
  OPTED_IN,
  removeNamespaces,
  type StoredBinding,
} from './own-namespace.ts';
import { createPod, GATED } from './stored-pod.ts';

interface BindingEvent extends KubeObject {
  readonly type: string;
  readonly reason: string;
  readonly note?: string;
  readonly regarding: { readonly kind: string; readonly name: string; readonly uid: string };
}

type Status = NonNullable<StoredBinding['status']>;
type Condition = NonNullable<Status['conditions']>[number];

clusterSuite('status of SeksBindings on a real API server', (suite) => {
  let kubectl: Kubectl;
  let namespace: string;
  let bare: string;

  beforeAll(async () => {
    ({ kubectl } = suite());
    [namespace, bare] = await Promise.all([
      makeNamespace(kubectl, 'status', OPTED_IN),
      makeNamespace(kubectl, 'bare'),
    ]);
  }, 60_000);
  afterAll(() => removeNamespaces(kubectl, namespace, bare));

  interface BindingChange {
    readonly namespace?: string;
    readonly spec?: Readonly<Record<string, unknown>>;
    readonly credentials?: readonly CredentialSpec[];
  }

  /** applies the binding and waits until the controller has written about it */
  async function apply(name: string, change: BindingChange = {}): Promise<StoredBinding> {
    const where = change.namespace ?? namespace;
    const credentials = change.credentials ?? [credential('openai', `${name}-keys`)];
    const spec = change.spec ?? {};
    await applyBinding(kubectl, seksBinding({ name, namespace: where, app: name, credentials, spec }));
    return read(name, where);
  }

  async function read(name: string, where = namespace): Promise<StoredBinding> {
    const binding = await kubectl.get<StoredBinding>('seksbinding', name, where);
    if (binding === undefined) throw new Error(`the SeksBinding ${name} is gone`);
    return binding;
  }

  async function until(name: string, what: string, test: (status: Status) => boolean, where = namespace) {
    const object = { kind: 'seksbinding', name, namespace: where };
    return kubectl.waitFor(object, what, (found) => {
      const binding = found as StoredBinding;
      return binding.status !== undefined && test(binding.status) ? binding : undefined;
    });
  }

  async function addPod(name: string, app: string, where = namespace): Promise<void> {
    await createPod(kubectl, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: where, labels: { app } },
      spec: { ...GATED, containers: [{ name: 'agent', image: 'registry.example/agent:1' }] },
    });
  }

  /** reasons and notes of the events about a binding, in the order in which they were written */
  async function eventsOf({ metadata }: StoredBinding): Promise<BindingEvent[]> {
    const events = await kubectl.list<BindingEvent>('events.events.k8s.io', namespace);
    return events.filter(({ regarding }) => regarding.uid === metadata.uid);
  }

  describe('Ready', () => {
    test('a binding that can work is Ready, for the generation that it has', async () => {
      const binding = await apply('works');
      expect(condition(binding, 'Ready')).toMatchObject({ status: 'True', reason: 'Ready' });
      expect(condition(binding, 'PodsCurrent')).toMatchObject({ status: 'True', reason: 'Current' });
      expect(binding.status?.pods).toEqual({ matched: 0, injected: 0, outdated: 0 });
      for (const { observedGeneration, lastTransitionTime, message } of binding.status?.conditions ?? []) {
        expect(observedGeneration).toBe(binding.metadata.generation);
        expect(Date.parse(lastTransitionTime ?? '')).not.toBeNaN();
        expect(message).toMatch(/\.$/);
      }
      // Nothing has asked for the keys yet, so the key service has said nothing about them.
      expect(condition(binding, 'Sealed')).toBeUndefined();
      expect(await eventsOf(binding)).toEqual([]);
    });

    test('an unknown provider is named, with the credential and what to do', async () => {
      const binding = await apply('unknown', {
        credentials: [credential('openai', 'keys'), credential('int-missing', 'keys')],
      });
      const ready = condition(binding, 'Ready');
      expect(ready).toMatchObject({ status: 'False', reason: 'ProviderUnknown' });
      expect(ready?.message).toContain('int-missing');
      expect(ready?.message).toContain('apply a SeksProvider of that name');
    });

    test('it becomes Ready when the provider comes, and not Ready when it goes', async () => {
      const provider = `${namespace}-provider`;
      const asked = await apply('waits', { credentials: [credential(provider, 'keys', 'key')] });
      expect(condition(asked, 'Ready')).toMatchObject({ reason: 'ProviderUnknown' });
      try {
        await kubectl.apply({
          apiVersion: 'seks.ai/v1alpha1',
          kind: 'SeksProvider',
          metadata: { name: provider },
          spec: {
            upstreams: [{ host: 'api.example.com' }],
            auth: [{ header: { name: 'authorization', scheme: 'Bearer' } }],
            env: { key: ['EXAMPLE_API_KEY'], baseUrl: ['EXAMPLE_BASE_URL'] },
            fakeToken: 'ex-{token}',
            allow: [{ paths: ['/**'] }],
          },
        });
        const works = await until('waits', 'to be Ready', isReady);
        expect(works.metadata.generation).toBe(asked.metadata.generation);
      } finally {
        await kubectl.delete('seksprovider', [provider]);
      }
      await until(
        'waits',
        'to lose its provider',
        (status) => reasonIn(status, 'Ready') === 'ProviderUnknown',
      );
    });

    test('S12: suspend shows as BindingSuspended, and goes with it', async () => {
      await apply('stopped');
      const suspended = await apply('stopped', { spec: { suspend: true } });
      expect(condition(suspended, 'Ready')).toMatchObject({ status: 'False', reason: 'BindingSuspended' });
      expect(condition(suspended, 'Ready')?.message).toContain('Set spec.suspend to false');
      const resumed = await apply('stopped', { spec: { suspend: false } });
      expect(condition(resumed, 'Ready')).toMatchObject({ status: 'True', reason: 'Ready' });
    });

    test('S12: a time that has passed shows as BindingExpired at once', async () => {
      const binding = await apply('over', { spec: { expiresAt: '2020-01-01T00:00:00Z' } });
      expect(condition(binding, 'Ready')).toMatchObject({ status: 'False', reason: 'BindingExpired' });
      expect(condition(binding, 'Ready')?.message).toContain('It ended at 2020-01-01T00:00:00Z.');
    });

    test('S12: a time that comes shows when it comes, without any other change', async () => {
      const expiresAtMs = (Math.floor(Date.now() / 1000) + 8) * 1000;
      const expiresAt = new Date(expiresAtMs).toISOString().replace('.000', '');
      const before = await apply('ends', { spec: { expiresAt } });
      expect(condition(before, 'Ready')).toMatchObject({ status: 'True', reason: 'Ready' });
      const after = await until('ends', 'to expire', (status) => !isReady(status));
      expect(Date.now()).toBeGreaterThanOrEqual(expiresAtMs);
      expect(after.metadata.generation).toBe(before.metadata.generation);
      const ready = condition(after, 'Ready');
      expect(ready).toMatchObject({ status: 'False', reason: 'BindingExpired' });
      // Condition times have whole seconds; a late timer would show here.
      expect(Date.parse(ready?.lastTransitionTime ?? '') - expiresAtMs).toBeLessThanOrEqual(1_000);
      expect(Date.parse(ready?.lastTransitionTime ?? '')).toBeGreaterThanOrEqual(expiresAtMs);
      const later = await apply('ends', { spec: { expiresAt: '2999-01-01T00:00:00Z' } });
      expect(condition(later, 'Ready')).toMatchObject({ status: 'True', reason: 'Ready' });
    });
  });

  describe('pods', () => {
    test('are counted as they come and go', async () => {
      await apply('counts');
      await Promise.all(['counts-1', 'counts-2'].map((name) => addPod(name, 'counts')));
      await addPod('bystander', 'other');
      const two = await until('counts', 'to count two', ({ pods }) => pods?.matched === 2);
      expect(two.status?.pods).toEqual({ matched: 2, injected: 2, outdated: 0 });
      expect(condition(two, 'PodsCurrent')).toMatchObject({
        status: 'True',
        message: '2 pods run with the current binding.',
      });
      await kubectl.delete('pod', ['counts-1'], namespace);
      const one = await until('counts', 'to count one', ({ pods }) => pods?.matched === 1);
      expect(one.status?.pods).toEqual({ matched: 1, injected: 1, outdated: 0 });
    });

    test('with an older form of the binding are outdated, until it is taken back', async () => {
      const first = credential('openai', 'ages-keys');
      await apply('ages', { credentials: [first] });
      await addPod('ages-1', 'ages');
      await until('ages', 'to count its pod', ({ pods }) => pods?.injected === 1);
      await apply('ages', { credentials: [first, credential('anthropic', 'ages-keys')] });
      const old = await read('ages');
      expect(old.status?.pods).toEqual({ matched: 1, injected: 1, outdated: 1 });
      expect(condition(old, 'PodsCurrent')).toMatchObject({ status: 'False', reason: 'PodsOutdated' });
      expect(condition(old, 'PodsCurrent')?.message).toContain('1 of 1 pods');
      // The keys work on: what the pod has is still granted.
      expect(condition(old, 'Ready')).toMatchObject({ status: 'True' });
      const back = await apply('ages', { credentials: [first] });
      expect(back.status?.pods).toEqual({ matched: 1, injected: 1, outdated: 0 });
      expect(condition(back, 'PodsCurrent')).toMatchObject({ status: 'True', reason: 'Current' });
    });

    test('that were there before the binding, or where SEKS does not inject, show as not injected', async () => {
      await Promise.all([addPod('early', 'late'), addPod('early', 'late', bare)]);
      for (const where of [namespace, bare]) {
        await apply('late', { namespace: where });
        const binding = await until('late', 'to count its pod', ({ pods }) => pods?.matched === 1, where);
        expect(binding.status?.pods).toEqual({ matched: 1, injected: 0, outdated: 0 });
        const current = condition(binding, 'PodsCurrent');
        expect(current).toMatchObject({ status: 'False', reason: 'PodsNotInjected' });
        expect(current?.message).toContain('label seks.ai/injection=enabled');
      }
    });
  });

  describe('what kubectl shows', () => {
    test('columns of kubectl get skb', async () => {
      await apply('columns', { spec: { agent: 'planner' } });
      await addPod('columns-1', 'columns');
      await until('columns', 'to count its pod', ({ pods }) => pods?.injected === 1);
      const [header, row] = await table(['get', 'skb', 'columns', '-n', namespace]);
      expect(header).toEqual(['NAME', 'READY', 'REASON', 'AGENT', 'PODS', 'AGE']);
      expect(row?.slice(0, 5)).toEqual(['columns', 'True', 'Ready', 'planner', '1']);
    });

    test('the reason stands in the list, and -o wide has more', async () => {
      await apply('wide', {
        spec: { agent: 'planner', suspend: true, expiresAt: '2999-01-01T00:00:00Z' },
      });
      const [header, row] = await table(['get', 'skb', 'wide', '-n', namespace, '-o', 'wide']);
      expect(header?.join(' ')).toBe('NAME READY REASON AGENT PODS OUTDATED SUSPENDED EXPIRES AGE');
      expect(row?.slice(0, 7)).toEqual(['wide', 'False', 'BindingSuspended', 'planner', '0', '0', 'true']);
    });

    test('kubectl describe says what is wrong and what to do, with the event', async () => {
      const credentials = [credential('int-described', 'keys')];
      const binding = await apply('described', { credentials });
      expect(await eventsOf(binding)).toHaveLength(1);
      const text = await kubectl.run(['describe', 'seksbinding', 'described', '-n', namespace]);
      expect(text).toMatch(/Reason: +ProviderUnknown/);
      expect(text).toMatch(/Message: +Credential int-described: The provider is neither built in/);
      const events = text.slice(text.indexOf('Events:'));
      expect(events).toMatch(/Warning +ProviderUnknown +\S+ +\S+ +Credential int-described: The provider/);
    });

    test('kubectl wait works', async () => {
      await apply('waited');
      const args = ['wait', 'skb/waited', '-n', namespace, '--for=condition=Ready', '--timeout=30s'];
      expect(await kubectl.run(args)).toContain('condition met');
    });
  });

  describe('events', () => {
    test('one warning for each new problem, and none for what its author did on purpose', async () => {
      const good = [credential('openai', 'keys')];
      await apply('eventful', { credentials: [credential('int-first', 'keys')] });
      await apply('eventful', { credentials: good });
      await apply('eventful', { credentials: good, spec: { suspend: true } });
      await apply('eventful', { credentials: good, spec: { expiresAt: '2020-01-01T00:00:00Z' } });
      // A change that leaves the problem as it is.
      await apply('eventful', { credentials: good, spec: { expiresAt: '2020-01-02T00:00:00Z' } });
      const binding = await apply('eventful', { credentials: [credential('int-second', 'keys')] });
      const events = await eventsOf(binding);
      expect(events.map(({ type, reason }) => `${type} ${reason}`).sort()).toEqual([
        'Warning BindingExpired',
        'Warning ProviderUnknown',
        'Warning ProviderUnknown',
      ]);
      const notes = events.map(({ note = '' }) => note).join('\n');
      expect(notes).toContain('int-first');
      expect(notes).toContain('int-second');
      for (const { regarding } of events) {
        expect(regarding).toMatchObject({ kind: 'SeksBinding', name: 'eventful' });
      }
    });
  });

  /** rows of a table that kubectl prints, by columns */
  async function table(args: readonly string[]): Promise<string[][]> {
    const lines = (await kubectl.run(args)).trimEnd().split('\n');
    return lines.map((line) => line.split(/\s{2,}/));
  }
});

function condition(binding: StoredBinding, type: string): Condition | undefined {
  return binding.status?.conditions?.find((found) => found.type === type);
}

function reasonIn(status: Status, type: string): string | undefined {
  return status.conditions?.find((found) => found.type === type)?.reason;
}

function isReady({ conditions }: Status): boolean {
  return conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}
