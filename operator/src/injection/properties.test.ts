import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { applyPatch as applyWithLibrary } from 'rfc6902';

import {
  MAIL,
  MAIL_VARIABLES,
  NAMESPACE,
  agentPod,
  binding,
  container,
  countingBytes,
  created,
  injected,
  mail,
  planRequest,
  testSigner,
} from './fixtures.ts';
import { dropsRawSockets } from './isolation.ts';
import { applyPatch } from './json-patch.ts';
import { planInjection } from './plan.ts';
import type { RawContainer, RawPod, RawVolume } from './raw-pod.ts';
import { verifyInjection } from './verify.ts';

const signer = testSigner();
const MAIL_ONLY = { provider: () => MAIL, bindings: [binding('research', { credentials: [mail()] })] };

/** fields of an API server that is newer than we are */
const unknownFields = fc.dictionary(
  fc.stringMatching(/^x[A-Za-z~/]{1,8}$/),
  fc.jsonValue({ maxDepth: 2, noUnicodeString: false }),
  { maxKeys: 3 },
);

const envVar = fc.record(
  { name: fc.constantFrom('A', 'B', 'HOME', 'OPENAI_MODEL'), value: fc.string({ maxLength: 5 }) },
  { requiredKeys: ['name'] },
);

const API_ACCESS = 'kube-api-access-x7k2p';

const volume = (name: string): fc.Arbitrary<RawVolume> =>
  fc.oneof(fc.constant({ emptyDir: {} }), fc.constant({ configMap: { name: 'settings' } })).map((source) => ({
    name,
    ...source,
  }));

const mount = fc.constantFrom('v0', 'v1', API_ACCESS).map((name) => ({ name, mountPath: `/mnt/${name}` }));

const containerBody: fc.Arbitrary<Partial<RawContainer>> = fc
  .record(
    { env: fc.array(envVar, { maxLength: 4 }), volumeMounts: fc.array(mount, { maxLength: 4 }) },
    { requiredKeys: [] },
  )
  .chain((known) => unknownFields.map((unknown) => ({ ...unknown, ...known })));

const containers = (prefix: string, minLength: number): fc.Arbitrary<RawContainer[]> =>
  fc
    .array(containerBody, { minLength, maxLength: 3 })
    .map((bodies) => bodies.map((body, i) => ({ name: `${prefix}${i}`, image: 'x', ...body })));

/** pods as they reach the webhook, selected by the fixture's binding */
const pods: fc.Arbitrary<RawPod> = fc
  .record({
    containers: containers('c', 1),
    initContainers: fc.option(containers('i', 0), { nil: undefined }),
    volumes: fc.tuple(volume('v0'), volume('v1'), fc.boolean()).chain(([v0, v1, api]) =>
      fc.shuffledSubarray([v0, v1, ...(api ? (agentPod().spec.volumes ?? []) : [])], {
        minLength: api ? 3 : 0,
      }),
    ),
    unknownInSpec: unknownFields,
    unknownInMetadata: unknownFields,
    annotations: fc.option(fc.dictionary(fc.constantFrom('a/b', 'c~d', 'e'), fc.string(), { maxKeys: 2 }), {
      nil: undefined,
    }),
  })
  .map(({ unknownInSpec, unknownInMetadata, annotations, initContainers, ...spec }) => {
    const pod = agentPod();
    pod.metadata = {
      ...unknownInMetadata,
      ...pod.metadata,
      ...(annotations === undefined ? {} : { annotations }),
    };
    pod.spec = {
      ...unknownInSpec,
      ...spec,
      ...(initContainers === undefined ? {} : { initContainers }),
      serviceAccountName: 'research',
    };
    return pod;
  });

function plan(pod: RawPod): ReturnType<typeof injected> {
  return injected(planRequest({ ...MAIL_ONLY, pod, signer, randomBytes: countingBytes() }));
}

function verified(pod: RawPod): boolean {
  return verifyInjection({
    pod: created(pod),
    namespace: NAMESPACE,
    keys: signer.publicKeys(),
    apiAudiences: [],
  }).ok;
}

/** takes out of an injected pod what the injection put there */
function withoutInjection(pod: RawPod, before: RawPod): RawPod {
  const rest = structuredClone(pod);
  const { spec, metadata = {} } = rest;
  spec.initContainers?.shift();
  spec.volumes?.splice(-3);
  delete spec.automountServiceAccountToken;
  delete metadata.labels?.['seks.ai/injected'];
  delete metadata.annotations?.['seks.ai/injection-seal'];
  for (const { env, volumeMounts } of [...spec.containers, ...(spec.initContainers ?? [])]) {
    env?.splice(0, MAIL_VARIABLES.length);
    volumeMounts?.pop();
  }
  // Lists that had to be created.
  if (before.metadata?.annotations === undefined) delete metadata.annotations;
  if (before.spec.initContainers === undefined) delete spec.initContainers;
  for (const list of ['containers', 'initContainers'] as const) {
    spec[list]?.forEach((changed, i) => {
      const own = before.spec[list]?.[i];
      if (own?.env === undefined) delete changed.env;
      if (own?.volumeMounts === undefined) delete changed.volumeMounts;
      if (own !== undefined && !dropsRawSockets(own)) restoreRawSockets(changed, own);
    });
  }
  return rest;
}

/** undoes the dropped capability */
function restoreRawSockets(changed: RawContainer, { securityContext: own }: RawContainer): void {
  const { securityContext } = changed;
  if (own === undefined) delete changed.securityContext;
  else if (own.capabilities === undefined) delete securityContext?.capabilities;
  else if (own.capabilities.drop === undefined) delete securityContext?.capabilities?.drop;
  else securityContext?.capabilities?.drop?.pop();
}

/** takes out of a pod what the injection takes out */
function withoutApiToken(pod: RawPod): RawPod {
  const rest = structuredClone(pod);
  const isApi = ({ name }: { name: string }): boolean => name === API_ACCESS;
  const had = rest.spec.volumes?.some(isApi) ?? false;
  if (!had) return rest;
  rest.spec.volumes = rest.spec.volumes?.filter((v) => !isApi(v)) ?? [];
  for (const changed of [...rest.spec.containers, ...(rest.spec.initContainers ?? [])]) {
    if (changed.volumeMounts !== undefined)
      changed.volumeMounts = changed.volumeMounts.filter((m) => !isApi(m));
  }
  return rest;
}

describe('planInjection, for any pod', () => {
  test('its patch is valid for an independent implementation of RFC 6902', () => {
    fc.assert(
      fc.property(pods, (pod) => {
        const result = plan(pod);
        const applied = structuredClone(pod);
        expect(applyWithLibrary(applied, result.patch).filter((error) => error !== null)).toEqual([]);
        expect(applied).toEqual(result.pod);
      }),
    );
  });

  test('a second pass changes nothing', () => {
    fc.assert(
      fc.property(pods, (pod) => {
        const second = planRequest({ ...MAIL_ONLY, pod: plan(pod).pod, signer });
        expect(planInjection(second)).toEqual({ kind: 'untouched' });
      }),
    );
  });

  test('everything else of the pod survives byte for byte', () => {
    fc.assert(
      fc.property(pods, (pod) => {
        const text = JSON.stringify(pod);
        const rest = withoutInjection(plan(pod).pod, pod);
        expect(JSON.stringify(rest)).toBe(JSON.stringify(withoutApiToken(pod)));
        expect(JSON.stringify(pod)).toBe(text);
      }),
    );
  });

  test('S2: no mount of the API token is left', () => {
    fc.assert(
      fc.property(pods, (pod) => {
        fc.pre(pod.spec.volumes?.some(({ name }) => name === API_ACCESS) ?? false);
        const { spec } = plan(pod).pod;
        expect(JSON.stringify(spec)).not.toContain(API_ACCESS);
        expect(spec.automountServiceAccountToken).toBe(false);
      }),
    );
  });

  test('verifyInjection accepts the created pod', () => {
    fc.assert(fc.property(pods, (pod) => expect(verified(plan(pod).pod)).toBe(true)));
  });

  test('what other webhooks add before or after does not matter', () => {
    const foreign = fc.record({
      extra: containers('foreign', 1),
      front: fc.boolean(),
      env: envVar,
      labels: fc.dictionary(fc.constantFrom('mesh', 'rev'), fc.string()),
    });
    const add = (
      pod: RawPod,
      { extra, front, env, labels }: ReturnType<typeof foreign.generate>['value'],
    ): RawPod => {
      const mutated = structuredClone(pod);
      const { spec } = mutated;
      const added = extra.map((body) => ({ ...body, volumeMounts: [] }));
      spec.containers = front ? [...added, ...spec.containers] : [...spec.containers, ...added];
      spec.initContainers = [{ name: 'mesh-init', image: 'x' }, ...(spec.initContainers ?? [])];
      spec.volumes = [{ name: 'mesh', emptyDir: {} }, ...(spec.volumes ?? [])];
      const agent = spec.containers.find(({ name }) => name === 'c0');
      if (agent !== undefined) agent.env = [...(agent.env ?? []), env];
      mutated.metadata = { ...mutated.metadata, labels: { ...labels, ...mutated.metadata?.labels } };
      return mutated;
    };
    fc.assert(
      fc.property(pods, foreign, (pod, mutation) => {
        const after = add(plan(pod).pod, mutation);
        // A container that came later gives up raw sockets, too; nothing else is touched.
        const again = planInjection(planRequest({ pod: after, signer }));
        if (again.kind !== 'inject') throw new Error('the foreign init container was overlooked');
        expect(again.patch.every(({ path }) => path.includes('/securityContext'))).toBe(true);
        const settled = applyPatch(after, again.patch);
        expect(planInjection(planRequest({ pod: settled, signer }))).toEqual({ kind: 'untouched' });
        expect(verified(after)).toBe(false);
        expect(verified(settled)).toBe(true);
        expect(verified(plan(add(pod, mutation)).pod)).toBe(true);
      }),
    );
  });

  test('a pod that no binding selects gets no patch', () => {
    const other = binding('other', { podSelector: { matchLabels: { app: 'other' } } });
    fc.assert(
      fc.property(pods, (pod) => {
        expect(planInjection(planRequest({ pod, bindings: [other] }))).toEqual({ kind: 'untouched' });
      }),
    );
  });

  test('S11: any single field added to or removed from the sidecar is noticed', () => {
    const ignored = new Set(['resources', 'resizePolicy']);
    fc.assert(
      fc.property(pods, fc.nat(), fc.stringMatching(/^[a-z]{3,9}$/), (pod, pick, added) => {
        const { pod: result } = plan(pod);
        const sidecar = result.spec.initContainers?.[0] ?? container();
        const fields = Object.keys(sidecar).filter((field) => !ignored.has(field));
        const field = fields[pick % fields.length] ?? '';
        const at = result.spec.initContainers ?? [];
        const { [field]: _, ...less } = sidecar;
        expect(
          verified({ ...result, spec: { ...result.spec, initContainers: at.with(0, less as RawContainer) } }),
        ).toBe(false);
        fc.pre(!(added in sidecar) && !ignored.has(added));
        const more = { ...sidecar, [added]: true };
        expect(verified({ ...result, spec: { ...result.spec, initContainers: at.with(0, more) } })).toBe(
          false,
        );
      }),
    );
  });
});

test('applyPatch leaves what it was given alone', () => {
  fc.assert(
    fc.property(pods, (pod) => {
      const { patch } = plan(pod);
      const first = applyPatch(pod, patch);
      first.spec.containers.length = 0;
      expect(applyPatch(pod, patch).spec.containers).not.toHaveLength(0);
    }),
  );
});
