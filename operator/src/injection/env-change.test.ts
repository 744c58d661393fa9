import { describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';

import { planEnv } from './env-change.ts';
import type { Claim, EnvSettings } from './env-change.ts';
import {
  MAIL,
  MAIL_VARIABLES,
  agentPod,
  binding,
  container,
  credential,
  denial,
  injected,
  mail,
  planRequest,
} from './fixtures.ts';
import type { PlacedContainer, RawContainer, RawEnvVar } from './raw-pod.ts';

const CLAIMS: Claim[] = [
  { name: 'KEY', value: 'token', owner: 'b/c' },
  { name: 'URL', value: 'http://127.0.0.1:15080/x', owner: 'b/c' },
];

const NOTHING_ELSE: EnvSettings = { amenities: [], bypass: [] };

function place(env?: RawEnvVar[], more: Partial<RawContainer> = {}): PlacedContainer {
  const changed = container('planner', { ...(env === undefined ? {} : { env }), ...more });
  return { list: 'containers', index: 0, container: changed };
}

function thrown(work: () => unknown): SeksError {
  try {
    work();
  } catch (error) {
    if (error instanceof SeksError) return error;
  }
  throw new Error('no SeksError was thrown');
}

describe('planEnv', () => {
  test('puts our variables in front, in their order', () => {
    const env = [{ name: 'OWN', value: '$(KEY)' }];
    const { pod } = injected(
      planRequest({
        pod: agentPod({ containers: [container('planner', { env })] }),
        provider: () => MAIL,
        bindings: [binding('research', { credentials: [mail()] })],
      }),
    );
    expect(pod.spec.containers[0]?.env?.map(({ name }) => name)).toEqual([...MAIL_VARIABLES, 'OWN']);
  });

  test('removes every literal of the same name and warns without its value', () => {
    const env = [
      { name: 'KEY', value: 'sk-real' },
      { name: 'A', value: '1' },
      { name: 'KEY' },
      { name: 'KEY', value: '' },
    ];
    const change = planEnv(place(env), CLAIMS, NOTHING_ELSE);
    expect(change.remove).toEqual([3, 2, 0]);
    expect(change.warnings).toHaveLength(3);
    expect(change.warnings.join()).toContain('KEY is replaced by the value of b/c');
    expect(change.warnings.join()).not.toContain('sk-real');
  });

  test('refuses valueFrom of the same name, also beside a literal', () => {
    const env = [
      { name: 'KEY', value: 'x' },
      { name: 'KEY', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
    ];
    const error = thrown(() => planEnv(place(env), CLAIMS, NOTHING_ELSE));
    expect(error.code).toBe('SEKS_INJECT_ENV_VALUE_FROM');
    expect(error.message).toContain('spec.containers[0] (planner): KEY');
  });

  test('valueFrom of another name stays', () => {
    const env = [{ name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }];
    expect(planEnv(place(env), CLAIMS, NOTHING_ELSE)).toMatchObject({ remove: [], warnings: [] });
  });

  test('warns about envFrom', () => {
    const change = planEnv(
      place(undefined, { envFrom: [{ configMapRef: { name: 'x' } }] }),
      CLAIMS,
      NOTHING_ELSE,
    );
    expect(change.warnings).toEqual([expect.stringContaining('envFrom')]);
  });

  test('a container without claims is left alone, whatever it has', () => {
    const env = [{ name: 'HTTP_PROXY', value: 'http://proxy' }];
    const change = planEnv(place(env, { envFrom: [{ configMapRef: { name: 'x' } }] }), [], NOTHING_ELSE);
    expect(change).toEqual({ remove: [], replace: [], insert: [], warnings: [] });
  });

  test('two credentials with the same value share a variable', () => {
    const shared = [...CLAIMS, { name: 'URL', value: 'http://127.0.0.1:15080/x', owner: 'b/d' }];
    expect(planEnv(place(), shared, NOTHING_ELSE).insert).toHaveLength(2);
  });

  test('S16: two credentials with different values conflict, and both are named', () => {
    const error = thrown(() =>
      planEnv(place(), [...CLAIMS, { name: 'KEY', value: 'other', owner: 'b/d' }], NOTHING_ELSE),
    );
    expect(error.code).toBe('SEKS_INJECT_ENV_CONFLICT');
    expect(error.message).toContain('KEY is claimed by b/c and b/d');
  });
});

describe('conflicts between credentials of a pod', () => {
  test('S16: within a binding', () => {
    const credentials = [credential(), credential({ name: 'second' })];
    const { code, message } = denial(planRequest({ bindings: [binding('research', { credentials })] }));
    expect(code).toBe('SEKS_INJECT_ENV_CONFLICT');
    expect(message).toContain('research/openai and research/second');
  });

  test('S16: across bindings', () => {
    const { code, message } = denial(planRequest({ bindings: [binding('b2'), binding('b1')] }));
    expect(code).toBe('SEKS_INJECT_ENV_CONFLICT');
    expect(message).toContain('b1/openai and b2/openai');
  });

  test('not in different containers', () => {
    const credentials = [
      credential({ containers: ['planner'] }),
      credential({ name: 'second', containers: ['second'] }),
    ];
    const pod = agentPod({ containers: [container('planner'), container('second')] });
    expect(injected(planRequest({ pod, bindings: [binding('research', { credentials })] })).warnings).toEqual(
      [],
    );
  });

  test('not when the second credential has names of its own and shares the base URL', () => {
    const env = { key: ['SECOND_KEY'], baseUrl: ['OPENAI_BASE_URL'] };
    const credentials = [credential(), credential({ name: 'second', env })];
    const { pod } = injected(planRequest({ bindings: [binding('research', { credentials })] }));
    const names = pod.spec.containers[0]?.env?.map(({ name }) => name) ?? [];
    expect(names.filter((name) => name === 'OPENAI_BASE_URL')).toHaveLength(1);
  });
});

describe('variables that a container may set itself', () => {
  const proxy = { names: ['PROXY', 'proxy'], value: 'ours', otherwise: 'is kept, so it does not work' };
  const change = (env: RawEnvVar[], amenity = proxy) =>
    planEnv(place(env), CLAIMS, { amenities: [amenity], bypass: [] });
  const inserted = (env: RawEnvVar[]): string[] => change(env).insert.map(({ name }) => name);

  test('are set under all names after those of the credentials', () => {
    expect(inserted([])).toEqual(['KEY', 'URL', 'PROXY', 'proxy']);
    expect(change([]).warnings).toEqual([]);
  });

  test.each<[string, RawEnvVar]>([
    ['a literal', { name: 'proxy', value: 'http://corp' }],
    ['an empty literal', { name: 'PROXY' }],
    ['valueFrom', { name: 'PROXY', valueFrom: { configMapKeyRef: { name: 'x', key: 'y' } } }],
  ])('are left alone where the container has %s, with a warning without its value', (_, variable) => {
    const result = change([variable]);
    expect(result).toMatchObject({ remove: [], replace: [] });
    expect(result.insert.map(({ name }) => name)).toEqual(['KEY', 'URL']);
    expect(result.warnings).toEqual([
      `spec.containers[0] (planner): ${variable.name} is kept, so it does not work.`,
    ]);
  });

  test('are completed where the container has our own value', () => {
    expect(inserted([{ name: 'PROXY', value: 'ours' }])).toEqual(['KEY', 'URL', 'proxy']);
    expect(change([{ name: 'PROXY', value: 'ours' }]).warnings).toEqual([]);
  });

  test('make way for a variable of a credential', () => {
    const result = change([], { ...proxy, names: ['URL'] });
    expect(result.insert).toEqual([
      { name: 'KEY', value: 'token' },
      { name: 'URL', value: 'http://127.0.0.1:15080/x' },
    ]);
  });

  test('are not set in a container without credentials', () => {
    expect(planEnv(place([]), [], { amenities: [proxy], bypass: [] }).insert).toEqual([]);
  });
});

describe('NO_PROXY', () => {
  function after(env: RawEnvVar[]): { env: Map<string, string | undefined>; warnings: string[] } {
    const result = injected(planRequest({ pod: agentPod({ containers: [container('planner', { env })] }) }));
    const list = result.pod.spec.containers[0]?.env ?? [];
    expect(new Set(list.map(({ name }) => name)).size).toBe(list.length);
    return { env: new Map(list.map(({ name, value }) => [name, value])), warnings: result.warnings };
  }

  test.each(['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'])(
    'both spellings are set beside %s',
    (name) => {
      const { env, warnings } = after([{ name, value: 'http://proxy:3128' }]);
      expect(env.get('NO_PROXY')).toBe('127.0.0.1,localhost');
      expect(env.get('no_proxy')).toBe('127.0.0.1,localhost');
      expect(warnings).toHaveLength(1);
    },
  );

  test('loopback is added to what is there, and the other spelling is not invented', () => {
    const { env, warnings } = after([
      { name: 'HTTP_PROXY', value: 'http://proxy:3128' },
      { name: 'OPENAI_API_KEY', value: 'x' },
      { name: 'NO_PROXY', value: '.cluster.local, localhost' },
    ]);
    expect(env.get('NO_PROXY')).toBe('.cluster.local, localhost,127.0.0.1');
    expect(env.has('no_proxy')).toBe(false);
    expect(warnings).toHaveLength(2);
  });

  test('an empty value is filled', () => {
    const { env } = after([{ name: 'http_proxy', value: 'http://p' }, { name: 'no_proxy' }]);
    expect(env.get('no_proxy')).toBe('127.0.0.1,localhost');
  });

  test.each(['*', '127.0.0.1,localhost', 'localhost, 127.0.0.1'])(
    '%j already covers the sidecar',
    (value) => {
      const { env, warnings } = after([
        { name: 'HTTP_PROXY', value: 'http://p' },
        { name: 'NO_PROXY', value },
      ]);
      expect(env.get('NO_PROXY')).toBe(value);
      expect(warnings).toEqual([]);
    },
  );

  test('a value from elsewhere is left with a warning', () => {
    const valueFrom = { configMapKeyRef: { name: 'x', key: 'y' } };
    const { warnings } = after([
      { name: 'HTTP_PROXY', value: 'http://p' },
      { name: 'NO_PROXY', valueFrom },
    ]);
    expect(warnings).toEqual([expect.stringContaining('NO_PROXY must hold 127.0.0.1,localhost')]);
  });

  test('nothing happens without a literal proxy', () => {
    const { env, warnings } = after([
      { name: 'HTTP_PROXY' },
      { name: 'HTTPS_PROXY', valueFrom: { configMapKeyRef: { name: 'x', key: 'y' } } },
    ]);
    expect(env.has('NO_PROXY')).toBe(false);
    expect(warnings).toEqual([]);
  });
});
