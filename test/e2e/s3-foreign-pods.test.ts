// S3: nobody but the sidecar of a pod that was sealed at its own admission gets a lease, whatever an author of pods has at hand:
// the same ServiceAccount, its tokens and the right to make more, the sealed blob, the sidecar's image, another pod's seal. What a seal
// is worth when it has grown old stands in s7-key-service-down.test.ts, where a pod grows old anyway.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  ANNOTATION_SEAL,
  CA_BUNDLE_FILE,
  CA_FILE,
  KEYSERVICE_TOKEN_FILE,
  LABEL_INJECTED,
  PRIVATE_MOUNT_PATH,
  PUBLIC_MOUNT_PATH,
  SIDECAR_CONTAINER,
  SIDECAR_UID,
  VOLUME_PRIVATE,
} from '@seks/crds';
import { waitUntil } from '../cluster/wait-until.ts';
import { environmentOf, podNow, readyAgent } from '../harness/agent.ts';
import type { KubeObject, Pod, Target } from '../harness/kubectl.ts';
import { steal, THIEF, thiefArgument, type Loot, type Theft } from '../harness/lease-thief.ts';
import { AGENT_CONTAINER, agentPod, IDLE, type PodObject } from '../harness/objects.ts';
import { ownNamespace, type OwnNamespace } from '../harness/own-namespace.ts';
import { lastWordsOf, refusalOfPod, replay } from '../harness/replay.ts';
import { secretOf, startAgent } from '../harness/scenario.ts';
import { clusterSuite } from '../harness/suite.ts';

const APP = 'research';
const SERVICE_ACCOUNT = 'research';
const SECRET = secretOf(APP);
const FOREIGN_TOKEN = '/var/run/vault/token';
const API_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

const INVALID = { status: 401, said: 'SEKS_LEASE_TOKEN_INVALID' };

clusterSuite('no lease for a foreign pod', (suite) => {
  let namespace: OwnNamespace;
  let plain: OwnNamespace;
  let victim: Target;
  /** the agent's pod, injected and sealed */
  let donor: Pod;
  let seal: string;
  let loot: Pick<Loot, 'lease' | 'serviceAccount'>;

  beforeAll(async () => {
    const { kubectl } = suite();
    [namespace, plain] = await Promise.all([
      ownNamespace(kubectl, 's3'),
      ownNamespace(kubectl, 's3-plain', { optedIn: false }),
    ]);
    await kubectl.apply(
      serviceAccount(namespace.name),
      serviceAccount(plain.name),
      ...mayMakeTokens(namespace.name),
    );
    const account = { serviceAccountName: SERVICE_ACCOUNT };
    victim = await startAgent(suite(), {
      app: APP,
      namespace: namespace.name,
      binding: account,
      pod: account,
    });
    donor = await podNow(kubectl, victim);
    seal = donor.metadata.annotations?.[ANNOTATION_SEAL] ?? '';
    const { metadata } = await found('seksbinding', APP);
    const { data } = await found<KubeObject & { data: Record<string, string> }>('secret', SECRET);
    const sealed = Buffer.from(data['openai'] ?? '', 'base64').toString('utf8');
    const lease = { bindingUid: metadata.uid ?? '', credential: 'openai', sealed };
    loot = { lease, serviceAccount: SERVICE_ACCOUNT };
  }, 120_000);

  afterAll(async () => {
    await Promise.all([namespace.remove(), plain.remove()]);
  });

  async function found<T extends KubeObject>(kind: string, name: string): Promise<T> {
    const object = await suite().kubectl.get<T>(kind, name, namespace.name);
    if (object === undefined) throw new Error(`${kind} ${namespace.name}/${name} is gone`);
    return object;
  }

  const refusalOf = (pod: object): Promise<string> => refusalOfPod(suite().kubectl, pod);

  test('S3: the same ServiceAccount, the sealed blob and every token to be had are not enough', async () => {
    const { kubectl, images } = suite();
    const name = 'foreign';
    await kubectl.apply(
      agentPod({
        name,
        namespace: namespace.name,
        labels: { app: name },
        image: images.agent,
        command: IDLE,
        serviceAccountName: SERVICE_ACCOUNT,
        container: {
          volumeMounts: [
            { name: 'vault', mountPath: '/var/run/vault' },
            { name: 'blob', mountPath: '/blob' },
          ],
        },
        pod: {
          volumes: [tokenVolume('vault', 'vault'), { name: 'blob', secret: { secretName: SECRET } }],
        },
      }),
    );
    const foreign = await readyAgent(kubectl, namespace.name, name);
    const { spec } = await found<Pod>('pod', name);
    expect(spec).not.toHaveProperty('initContainers');
    expect((await kubectl.exec(foreign, ['cat', '/blob/openai'])).stdout).toBe(loot.lease.sealed);

    const fakeToken = (await environmentOf(kubectl, victim))['OPENAI_API_KEY'] ?? '';
    expect(fakeToken).toContain('seks');
    const boundTo = { name: APP, uid: donor.metadata.uid ?? '' };
    const theft = await steal(kubectl, foreign, {
      ...loot,
      namespace: namespace.name,
      files: { 'API token': API_TOKEN, 'token for a vault': FOREIGN_TOKEN },
      tokens: { 'no token': '', nonsense: 'a.b.c', 'fake token': fakeToken },
      wanted: {
        'API token of its own': { audiences: [] },
        'API token bound to the agent’s pod': { audiences: [], boundTo },
        'vault token bound to the agent’s pod': { audiences: ['vault'], boundTo },
        'key service token': { audiences: ['seks-keyservice'] },
        'key service token bound to the agent’s pod': { audiences: ['seks-keyservice'], boundTo },
        'key service token among others': { audiences: ['vault', 'seks-keyservice'] },
        'token of a service to come': { audiences: ['seks-audit'] },
      },
    });
    const made = { status: 201, said: '' };
    const refused = { status: 403, said: 'SEKS_INJECT_TOKEN_EXPOSED' };
    expect(theft.minted).toEqual({
      // RBAC is no obstacle here: other tokens are made.
      'API token of its own': made,
      'API token bound to the agent’s pod': made,
      'vault token bound to the agent’s pod': made,
      'key service token': refused,
      'key service token bound to the agent’s pod': refused,
      'key service token among others': refused,
      'token of a service to come': refused,
    } satisfies Theft['minted']);
    expect(theft.leases).toEqual({
      'API token': INVALID,
      'token for a vault': INVALID,
      'no token': INVALID,
      nonsense: INVALID,
      'fake token': INVALID,
      'API token of its own': INVALID,
      'API token bound to the agent’s pod': INVALID,
      'vault token bound to the agent’s pod': INVALID,
    } satisfies Theft['leases']);
  });

  test('S3: not even a cluster administrator is given a token for the key service', async () => {
    const bound = ['--bound-object-kind=Pod', `--bound-object-name=${APP}`];
    const { code, stderr } = await suite().kubectl.attempt([
      'create',
      'token',
      SERVICE_ACCOUNT,
      `--namespace=${namespace.name}`,
      '--audience=seks-keyservice',
      ...bound,
    ]);
    expect(code).not.toBe(0);
    expect(stderr).toContain('SEKS_INJECT_TOKEN_EXPOSED');
  });

  test('S3: the agent beside the sidecar has nothing that the key service takes', async () => {
    const { kubectl } = suite();
    const environment = await environmentOf(kubectl, victim);
    const tokens = { 'no token': '', 'fake token': environment['OPENAI_API_KEY'] ?? '' };
    const { leases } = await steal(kubectl, victim, { ...loot, namespace: namespace.name, tokens });
    expect(leases).toEqual({ 'no token': INVALID, 'fake token': INVALID });
    const find = 'find /run/seks /run/secrets /var/run/seks/ /var/run/secrets/ -mindepth 1 2>/dev/null';
    const { stdout } = await kubectl.exec(victim, ['sh', '-c', `realpath $(${find}) | sort -u`]);
    // /var/run is a link in the image.
    const folder = PUBLIC_MOUNT_PATH.replace(/^\/var/, '');
    expect(stdout.trim().split('\n')).toEqual([
      folder,
      `${folder}/${CA_BUNDLE_FILE}`,
      `${folder}/${CA_FILE}`,
    ]);
  });

  test('S2: no volume of whatever name brings a seks token or the sealed Secret to the agent', async () => {
    const { images } = suite();
    const inContainer = { name: 'extra', mountPath: '/extra' };
    const variable = { name: 'BLOB', valueFrom: { secretKeyRef: { name: SECRET, key: 'openai' } } };
    const volume = (source: object): object => ({
      container: { volumeMounts: [inContainer] },
      pod: { volumes: [{ name: 'extra', ...source }] },
    });
    const attempts: Record<string, readonly [change: object, code: string]> = {
      'a token': [volume(tokenSource('seks-keyservice')), 'SEKS_INJECT_TOKEN_EXPOSED'],
      'a token to come': [volume(tokenSource('seks-audit')), 'SEKS_INJECT_TOKEN_EXPOSED'],
      'an API token': [volume(tokenSource(undefined)), 'SEKS_INJECT_TOKEN_EXPOSED'],
      Secret: [volume({ secret: { secretName: SECRET } }), 'SEKS_INJECT_SECRET_EXPOSED'],
      'one key of the Secret': [
        volume({ secret: { secretName: SECRET, items: [{ key: 'openai', path: 'x' }] } }),
        'SEKS_INJECT_SECRET_EXPOSED',
      ],
      'a projected Secret': [
        volume({ projected: { sources: [{ secret: { name: SECRET } }] } }),
        'SEKS_INJECT_SECRET_EXPOSED',
      ],
      variable: [{ container: { env: [variable] } }, 'SEKS_INJECT_SECRET_EXPOSED'],
      variables: [
        { container: { envFrom: [{ secretRef: { name: SECRET } }] } },
        'SEKS_INJECT_SECRET_EXPOSED',
      ],
      'the private volume': [
        { container: { volumeMounts: [{ name: VOLUME_PRIVATE, mountPath: '/x' }] } },
        'SEKS_INJECT_RESERVED_NAME',
      ],
    };
    const answers = await Promise.all(
      Object.entries(attempts).map(async ([what, [change]], index) => {
        const name = `exposed-${index}`;
        const labels = { app: APP, 'seks.ai/inject': 'true' };
        const serviceAccountName = SERVICE_ACCOUNT;
        const pod = { name, namespace: namespace.name, labels, serviceAccountName, image: images.agent };
        return [what, await refusalOf(agentPod({ ...pod, command: IDLE, ...change }))] as const;
      }),
    );
    expect(Object.fromEntries(answers)).toEqual(
      Object.fromEntries(
        Object.entries(attempts).map(([what, [, code]]) => [what, expect.stringContaining(code)]),
      ),
    );
  });

  test('S2: where nobody opted in, a seks token is refused all the same', async () => {
    const { images } = suite();
    const pod = agentPod({
      name: 'token-grabber',
      namespace: plain.name,
      labels: { app: APP },
      image: images.agent,
      command: IDLE,
      container: { volumeMounts: [{ name: 'extra', mountPath: '/extra' }] },
      pod: { volumes: [{ name: 'extra', ...tokenSource('seks-keyservice') }] },
    });
    expect(await refusalOf(pod)).toContain('SEKS_INJECT_TOKEN_EXPOSED');
  });

  /** a pod that somebody wrote as if it had been injected, with a program of their own in the sidecar */
  function handMade(name: string, inNamespace: string, image: string, stolenSeal?: string): PodObject {
    const program = ['node', '--no-warnings', '--input-type=module', '-e', THIEF];
    const files = { 'key service token': `${PRIVATE_MOUNT_PATH}/${KEYSERVICE_TOKEN_FILE}` };
    const sources = [
      { secret: { name: SECRET, optional: true, items: [{ key: 'openai', path: 'sealed' }] } },
      { serviceAccountToken: { audience: 'seks-keyservice', path: KEYSERVICE_TOKEN_FILE } },
    ];
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace: inNamespace,
        labels: { app: APP, [LABEL_INJECTED]: 'true' },
        ...(stolenSeal === undefined ? {} : { annotations: { [ANNOTATION_SEAL]: stolenSeal } }),
      },
      spec: {
        serviceAccountName: SERVICE_ACCOUNT,
        automountServiceAccountToken: false,
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 0,
        initContainers: [
          {
            name: SIDECAR_CONTAINER,
            image,
            imagePullPolicy: 'IfNotPresent',
            restartPolicy: 'Always',
            command: [...program, thiefArgument({ ...loot, namespace: inNamespace, files })],
            env: [{ name: 'NODE_TLS_REJECT_UNAUTHORIZED', value: '0' }],
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              runAsUser: SIDECAR_UID,
            },
            volumeMounts: [{ name: VOLUME_PRIVATE, mountPath: PRIVATE_MOUNT_PATH, readOnly: true }],
          },
        ],
        containers: [
          {
            name: AGENT_CONTAINER,
            image: suite().images.agent,
            imagePullPolicy: 'IfNotPresent',
            command: IDLE,
            // As in every pod with the label; without it the author would get no further than here.
            securityContext: { capabilities: { drop: ['NET_RAW'] } },
          },
        ],
        volumes: [{ name: VOLUME_PRIVATE, projected: { sources } }],
      },
    };
  }

  test('S11: a hand-made seks-proxy is refused at admission', async () => {
    const { images } = suite();
    const right = await refusalOf(handMade('hand-made', namespace.name, images.sidecar));
    expect(right).toContain('SEKS_INJECT_SIDECAR_EXISTS');
    const wrong = await refusalOf(handMade('hand-made', plain.name, images.agent));
    expect(wrong).toMatch(/SEKS_INJECT_SIDECAR_EXISTS: image .* is not allowed/);
  });

  test('S3: where admission does not look at it, a hand-made seks-proxy with a right token gets no lease', async () => {
    const { images } = suite();
    const { said } = await leaseOf(handMade('hand-made', plain.name, images.sidecar));
    expect(said).toBe('SEKS_LEASE_POD_NOT_SEALED');
  });

  test('S3: nor with the seal of another namespace, whose own sidecar refuses to run there', async () => {
    const { images } = suite();
    const { said } = await leaseOf(handMade('with-seal', plain.name, images.sidecar, seal));
    expect(said).toBe('SEKS_LEASE_POD_NOT_SEALED');

    expect(await refusalOf(replay(donor, { name: 'copied', namespace: plain.name }))).toBe('');
    expect(await lastWordsOf(suite().kubectl, 'copied', plain.name)).toMatch(
      /^SEKS_CONFIG_INVALID: .*another namespace/,
    );
  });

  test('S3: a seal that was made young again is refused at admission', async () => {
    const [header = '', payload = '', signature = ''] = seal.split('.');
    const config = Buffer.from(payload, 'base64url').toString('utf8');
    const now = Math.floor(Date.now() / 1000) + 1;
    const younger = config.replace(/"issuedAtSeconds":\d+/, `"issuedAtSeconds":${now}`);
    expect(younger).not.toBe(config);
    const altered = [header, Buffer.from(younger).toString('base64url'), signature].join('.');
    const pod = replay(donor, { name: 'altered', namespace: namespace.name, seal: altered });
    expect(await refusalOf(pod)).toMatch(/SEKS_INJECT_SEAL_STALE: .*signature/);
  });

  /** what the key service says to the program in a hand-made sidecar */
  async function leaseOf(pod: PodObject): Promise<Theft['leases'][string]> {
    expect(await refusalOf(pod)).toBe('');
    const { name, namespace: of } = pod.metadata as { name: string; namespace: string };
    const line = await waitUntil(
      async () => {
        const log = await suite().kubectl.attempt(['logs', '-n', of, name, '-c', SIDECAR_CONTAINER]);
        const found = log.stdout.split('\n').find((text) => text.startsWith('{'));
        if (found === undefined) throw new Error(`it says: ${(log.stdout + log.stderr).slice(-500)}`);
        return found;
      },
      { what: 'the thief in the hand-made sidecar', timeoutMs: 45_000, intervalMs: 250 },
    );
    const answer = (JSON.parse(line) as Theft).leases['key service token'];
    if (answer === undefined) throw new Error(`it tried nothing: ${line}`);
    return answer;
  }
});

function serviceAccount(namespace: string): object {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: SERVICE_ACCOUNT, namespace } };
}

/** lets the ServiceAccount make tokens of its own, as a careless administrator would */
function mayMakeTokens(namespace: string): object[] {
  const metadata = { name: 'token-maker', namespace };
  const rules = [{ apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] }];
  const apiGroup = 'rbac.authorization.k8s.io';
  return [
    { apiVersion: `${apiGroup}/v1`, kind: 'Role', metadata, rules },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup, kind: 'Role', name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: SERVICE_ACCOUNT, namespace }],
    },
  ];
}

function tokenSource(audience: string | undefined): object {
  const serviceAccountToken = { path: 'token', ...(audience === undefined ? {} : { audience }) };
  return { projected: { sources: [{ serviceAccountToken }] } };
}

function tokenVolume(name: string, audience: string): object {
  return { name, ...tokenSource(audience) };
}
