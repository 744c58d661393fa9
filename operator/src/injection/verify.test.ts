// Which pods the key service takes for injected ones, by their seal, their place and their other containers. The sidecar itself
// stands in verify-sidecar.test.ts, its volumes in verify-volumes.test.ts.
import { describe, expect, test } from '@jest/globals';

import { BREACHES, LATER_BREACHES } from './breaches.ts';
import {
  NAMESPACE,
  NOW_MS,
  SETTINGS,
  agentPod,
  binding,
  container,
  created,
  credential,
  injected,
  planRequest,
  testSigner,
} from './fixtures.ts';
import { makeSeal } from './seal.ts';
import { buildSidecar } from './sidecar.ts';
import { NO_RAW_SOCKETS, SEALED, changed, refusal, signer, verify } from './testing/read-back.ts';
import { verifyInjection } from './verify.ts';

const SEAL = 'seks.ai/injection-seal';

describe('verifyInjection', () => {
  test('accepts the pod as it is read back, and returns its config', () => {
    const verification = verify(created(SEALED));
    expect(verification).toMatchObject({
      ok: true,
      config: { namespace: NAMESPACE, bindings: [{ name: 'research' }] },
    });
  });

  test.each([-120, 0, 120])('accepts a pod that was created %i s after its seal', (seconds) => {
    expect(verify(created(SEALED, NOW_MS + seconds * 1000)).ok).toBe(true);
  });

  test.each([-121, 121, 86_400])('S11: refuses a seal that was replayed %i s later', (seconds) => {
    expect(refusal(created(SEALED, NOW_MS + seconds * 1000))).toContain('creationTimestamp');
  });

  test.each([null, undefined, 'yesterday'])('S7: refuses creationTimestamp %s', (creationTimestamp) => {
    const pod = changed(({ metadata }) => Object.assign(metadata ?? {}, { creationTimestamp }));
    expect(refusal(pod)).toContain('creationTimestamp');
  });

  test('S11: refuses another namespace, by the request or by the pod', () => {
    expect(refusal(created(SEALED), 'elsewhere')).toContain('another namespace');
    const moved = changed(({ metadata }) => Object.assign(metadata ?? {}, { namespace: 'elsewhere' }));
    expect(refusal(moved)).toContain('another namespace');
    expect(refusal(moved, 'elsewhere')).toContain('another namespace');
  });

  test('S11: refuses another ServiceAccount', () => {
    expect(refusal(changed(({ spec }) => Object.assign(spec, { serviceAccountName: 'admin' })))).toContain(
      'another ServiceAccount',
    );
    expect(refusal(changed(({ spec }) => delete spec.serviceAccountName))).toContain(
      'another ServiceAccount',
    );
  });

  test('S11: refuses a pod without seal, with one of another installation, or with an edited one', () => {
    expect(refusal(changed((pod) => delete pod.metadata?.annotations))).toContain(SEAL);
    const verification = verifyInjection({
      pod: created(SEALED),
      namespace: NAMESPACE,
      keys: testSigner().publicKeys(),
      apiAudiences: SETTINGS.apiAudiences,
    });
    expect(verification.ok).toBe(false);
    const edited = changed(({ metadata }) => {
      const annotations = metadata?.annotations ?? {};
      annotations[SEAL] = annotations[SEAL]?.replace('.', '.A') ?? '';
    });
    expect(refusal(edited)).toContain('signature');
  });

  test('S11: refuses a sidecar that fits to a config of its own, beside the seal of another', () => {
    const verification = verify(created(SEALED));
    if (!verification.ok) throw verification.error;
    const wider = { ...verification.config, keyService: { url: 'https://evil.example', caBundle: '' } };
    const pod = changed((_, sidecar) => Object.assign(sidecar, buildSidecar(wider)));
    expect(refusal(pod)).toContain('spec.initContainers[0].env[0].value');
    const self = changed(({ metadata }, sidecar) => {
      Object.assign(sidecar, buildSidecar(wider));
      Object.assign(metadata?.annotations ?? {}, { [SEAL]: makeSeal(wider, testSigner()) });
    });
    expect(refusal(self)).toContain('unknown key');
  });

  test.each([null, 'pod', {}, { spec: { containers: [{}] } }])('S7: refuses what is no pod: %j', (pod) => {
    expect(refusal(pod)).toContain('malformed');
  });
});

describe('verifyInjection: other containers', () => {
  test.each([...BREACHES, ...LATER_BREACHES])('S2: refuses $what', ({ change, names }) => {
    expect(refusal(changed((pod) => change(pod)))).toMatch(names);
  });

  test('S2: refuses an API token that somebody mounted again', () => {
    const pod = changed(({ spec }) => spec.volumes?.push(...(agentPod().spec.volumes ?? [])));
    expect(refusal(pod)).toContain('kube-api-access');
  });

  test('looks at the Secrets of every binding and source', () => {
    const sources = ['s1', 's2'].map((name) => ({ tier: 'builder' as const, secretRef: { name, key: 'k' } }));
    const bindings = [
      binding('b1'),
      binding('b2', { credentials: [credential({ sources, env: { key: ['K2'] } })] }),
    ];
    const { pod } = injected(planRequest({ signer, bindings }));
    for (const secretName of ['alice-keys', 's1', 's2']) {
      const exposed = created(pod);
      exposed.spec.volumes?.push({ name: 'x', secret: { secretName } });
      expect(refusal(exposed)).toContain(secretName);
    }
  });

  test('S16: a container that keeps raw sockets could record the tokens of the others', () => {
    const debug = container('debugger', { volumeMounts: [] });
    expect(refusal(changed(({ spec }) => Object.assign(spec, { ephemeralContainers: [debug] })))).toContain(
      'NET_RAW',
    );
  });

  test('an innocent debugger does not end the lease', () => {
    const debug = container('debugger', {
      volumeMounts: [],
      targetContainerName: 'planner',
      securityContext: NO_RAW_SOCKETS,
    });
    expect(refusal(changed(({ spec }) => Object.assign(spec, { ephemeralContainers: [debug] })))).toBe(
      'accepted',
    );
  });
});
