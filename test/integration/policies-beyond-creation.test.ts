// The chart's admission policies on a real API server, beyond the creation of pods: changes to pods that exist and ways into them,
// requests for tokens, and what SEKS itself may write.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { kubectl, mustKubectl } from './kubernetes.ts';
import {
  ACCEPTED,
  answerOf,
  DRY_RUN,
  installPolicies,
  type Answer,
  type OwnPolicies,
} from './own-policies.ts';
import { plainPod } from './sample-pods.ts';

let policies: OwnPolicies;

beforeAll(async () => {
  policies = await installPolicies();
}, 120_000);

afterAll(async () => {
  await policies.remove();
}, 60_000);

describe('pods that exist', () => {
  const injected = 'injected';
  const plain = 'plain';

  beforeAll(async () => {
    for (const pod of [
      { ...policies.sample(), name: injected },
      { ...plainPod(), name: plain },
    ]) {
      const { name, ...object } = pod;
      // A gate keeps the scheduler away: these pods are never to run.
      const spec = { ...object.spec, schedulingGates: [{ name: 'seks.ai/test' }] };
      const metadata = { ...object.metadata, name, namespace: policies.namespace };
      await mustKubectl(['create', '-f', '-'], { ...object, metadata, spec });
    }
  }, 60_000);

  async function change(pod: string, patch: object): Promise<Answer> {
    return answerOf(
      await policies.inNamespace(
        'patch',
        'pod',
        pod,
        '--type=strategic',
        '--patch',
        JSON.stringify(patch),
        DRY_RUN,
      ),
    );
  }

  test('S11: labels and the seal cannot be changed, removed or added', async () => {
    for (const [pod, patch] of [
      [injected, { metadata: { labels: { 'seks.ai/injected': 'maybe' } } }],
      [injected, { metadata: { labels: { 'seks.ai/injected': null } } }],
      [injected, { metadata: { labels: { 'seks.ai/inject': 'true' } } }],
      [injected, { metadata: { annotations: { 'seks.ai/injection-seal': 'other' } } }],
      [injected, { metadata: { annotations: { 'seks.ai/injection-seal': null } } }],
      [plain, { metadata: { labels: { 'seks.ai/injected': 'true' } } }],
      [plain, { metadata: { annotations: { 'seks.ai/injection-seal': 'forged' } } }],
    ] as const) {
      expect([patch, await change(pod, patch)]).toEqual([
        patch,
        { accepted: false, message: expect.stringContaining('SEKS_INJECT_RESERVED_NAME') },
      ]);
    }
  });

  test("the sidecar's image cannot be changed, the agent's can", async () => {
    const images = { initContainers: [{ name: 'seks-proxy', image: 'registry.example/evil:1' }] };
    expect((await change(injected, { spec: images })).message).toContain(
      'the image of seks-proxy cannot change',
    );
    const agent = { containers: [{ name: 'agent', image: 'registry.example/agent:2' }] };
    expect(await change(injected, { spec: agent })).toEqual(ACCEPTED);
  });

  test('other labels and annotations can be changed', async () => {
    const metadata = { labels: { team: 'blue' }, annotations: { note: 'x' } };
    expect(await change(injected, { metadata })).toEqual(ACCEPTED);
    expect(await change(plain, { metadata })).toEqual(ACCEPTED);
  });

  test('an injected pod gets no ephemeral container, another pod does', async () => {
    const debug = async (pod: string): Promise<Answer> =>
      answerOf(
        await policies.inNamespace('debug', pod, '--image=registry.example/debug:1', '--attach=false'),
      );
    expect((await debug(injected)).message).toContain('gets no ephemeral containers');
    expect(await debug(plain)).toEqual(ACCEPTED);
  });

  test('exec and attach reach every container but the sidecar', async () => {
    const exec = async (...args: string[]): Promise<string> => (await policies.inNamespace(...args)).stderr;
    expect(await exec('exec', injected, '-c', 'seks-proxy', '--', 'node')).toContain(
      'exec and attach to seks-proxy are refused',
    );
    expect(await exec('attach', injected, '-c', 'seks-proxy')).toContain(
      'exec and attach to seks-proxy are refused',
    );
    // The pod has no node, which is found out only after admission.
    expect(await exec('exec', injected, '-c', 'agent', '--', 'node')).toContain(
      'does not have a host assigned',
    );
    const path = `/api/v1/namespaces/${policies.namespace}/pods/${injected}/exec?command=node&stdout=true`;
    const withoutName = await kubectl(['create', '--raw', path, '-f', '-'], {});
    expect(withoutName.stderr).not.toContain('seks-proxy');
    expect(withoutName.stderr).toMatch(/host assigned|Upgrade request required/);
  });
});

describe('S3: tokens with an audience of SEKS', () => {
  const request = (audience: string, ...as: string[]) =>
    policies.inNamespace('create', 'token', 'default', `--audience=${audience}`, ...as);

  test('are refused to a cluster administrator', async () => {
    for (const audience of ['seks-keyservice', 'seks-audit', 'seks-']) {
      expect((await request(audience)).stderr).toContain('only kubelets may request tokens');
    }
  });

  test('are refused when another audience stands before them', async () => {
    const path = `/api/v1/namespaces/${policies.namespace}/serviceaccounts/default/token`;
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: ['vault', 'seks-keyservice'] },
    };
    expect((await kubectl(['create', '--raw', path, '-f', '-'], body)).stderr).toContain(
      'only kubelets may request tokens',
    );
  });

  test('are given to kubelets', async () => {
    const answer = await request(
      'seks-keyservice',
      '--as=tester',
      '--as-group=system:nodes',
      '--as-group=system:masters',
    );
    expect(answer).toMatchObject({ code: 0 });
    expect(answer.stdout.split('.')).toHaveLength(3);
  });

  test('do not stand in the way of other audiences', async () => {
    expect(await request('vault')).toMatchObject({ code: 0 });
  });
});

describe("SEKS's own ServiceAccounts", () => {
  const asAccount = (name: string): string[] => [
    `--as=system:serviceaccount:${policies.namespace}:${name}`,
    '--as-group=system:masters',
  ];
  const createSecret = async (account: string, secret: string, type = 'Opaque'): Promise<Answer> =>
    answerOf(
      await kubectl(['-n', policies.namespace, 'create', DRY_RUN, '-f', '-', ...asAccount(account)], {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: secret, annotations: { 'kubernetes.io/service-account.name': 'default' } },
        type,
      }),
    );

  test.each([
    ['seks-operator', 'seks-ca'],
    ['seks-operator', 'seks-injection-signer'],
    ['seks-keyservice', 'seks-ca'],
    ['seks-keyservice', 'seks-kms-local'],
    ['seks-keyservice', 'seks-lease-signer'],
  ])('%s may create Secret %s', async (account, secret) => {
    expect(await createSecret(account, secret)).toEqual(ACCEPTED);
  });

  test.each([
    ['seks-operator', 'seks-kms-local', 'Opaque'],
    ['seks-operator', 'backdoor', 'Opaque'],
    ['seks-keyservice', 'seks-injection-signer', 'Opaque'],
    ['seks-keyservice', 'seks-ca', 'kubernetes.io/service-account-token'],
  ])('%s may not create Secret %s of type %s', async (account, secret, type) => {
    expect((await createSecret(account, secret, type)).message).toContain('SEKS may not write Secrets');
  });
});
