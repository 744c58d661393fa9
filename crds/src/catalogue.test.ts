import { readFileSync } from 'node:fs';

import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';

import { BUILT_IN_PROVIDERS, parseProvider, resolveProvider } from './catalogue.ts';
import { SeksError } from './errors.ts';
import { makeFakeToken } from './fake-token.ts';
import type { SeksProvider } from './generated/seks-provider.ts';
import { providerSpec } from './provider.ts';

const custom: SeksProvider = {
  apiVersion: 'seks.ai/v1alpha1',
  kind: 'SeksProvider',
  metadata: { name: 'acme' },
  spec: {
    upstreams: [{ host: 'api.acme.example' }],
    auth: [{ header: { name: 'x-api-key' } }],
    env: { key: ['ACME_API_KEY'] },
    fakeToken: 'acme_{token}',
  },
};

function codeAndMessageOf(action: () => unknown): [string, string] {
  try {
    action();
  } catch (error: unknown) {
    if (error instanceof SeksError) return [error.code, error.message];
    throw error;
  }
  throw new Error('did not throw');
}

describe('built-in catalogue', () => {
  test('holds the providers of this release', () => {
    expect(BUILT_IN_PROVIDERS.map(({ name }) => name)).toEqual(['anthropic', 'gemini', 'groq', 'openai']);
  });

  test.each(BUILT_IN_PROVIDERS.map((provider) => [provider.name, provider] as const))(
    '%s has a usable token template, names for its variables and only lower-case headers',
    (_, { spec }) => {
      const token = makeFakeToken(spec.fakeToken, (size) => new Uint8Array(size).fill(7));
      expect(token.byteLength).toBeGreaterThanOrEqual(32);
      expect(spec.env.key.length).toBeGreaterThan(0);
      expect(spec.env.baseUrl).toHaveLength(1);
      for (const { header } of spec.auth) expect(header.name).toBe(header.name.toLowerCase());
    },
  );

  test('S13: providers that can mint keys or ephemeral tokens deny those routes', () => {
    const denied = (name: string): string[] =>
      BUILT_IN_PROVIDERS.find((provider) => provider.name === name)?.spec.deny?.flatMap(
        ({ paths }) => paths,
      ) ?? [];
    expect(denied('openai')).toEqual(
      expect.arrayContaining(['/v1/organization/**', '/v1/projects/**', '/v1/realtime/client_secrets']),
    );
    expect(denied('anthropic')).toEqual(expect.arrayContaining(['/v1/organizations/**']));
    expect(denied('gemini')).toEqual(expect.arrayContaining(['/*/auth_tokens', '/*/authTokens']));
  });
});

describe('resolveProvider', () => {
  test('finds a built-in provider', () => {
    expect(resolveProvider('openai', () => undefined).spec.upstreams[0]?.host).toBe('api.openai.com');
  });

  test('a SeksProvider replaces the built-in provider of its name', () => {
    const replacement = { ...custom, metadata: { name: 'openai' } };
    expect(resolveProvider('openai', () => replacement).spec.upstreams[0]?.host).toBe('api.acme.example');
  });

  test('S7: an invalid SeksProvider does not fall back to the built-in provider of its name', () => {
    const replacement = {
      ...custom,
      metadata: { name: 'openai' },
      spec: { ...custom.spec, fakeToken: 'no placeholder' },
    };
    expect(codeAndMessageOf(() => resolveProvider('openai', () => replacement))[0]).toBe(
      'SEKS_PROVIDER_INVALID',
    );
  });

  test('an unknown name is an error that says it', () => {
    const [code, message] = codeAndMessageOf(() => resolveProvider('nobody', () => undefined));
    expect(code).toBe('SEKS_PROVIDER_UNKNOWN');
    expect(message).toContain('nobody');
  });
});

describe('parseProvider', () => {
  test.each([
    ['spec.upstreams[0].host', { upstreams: [{}] }],
    ['spec.auth[0].header.name', { auth: [{ header: {} }] }],
    ['spec.fakeToken', { fakeToken: 'sk-{token:5}' }],
    // A field of a later version may narrow what is allowed; ignoring it would widen it.
    ['spec', { futureField: true }],
  ])('S7: refuses and names %s', (field, change) => {
    const object = { ...custom, spec: { ...custom.spec, ...change } } as unknown as SeksProvider;
    const [code, message] = codeAndMessageOf(() => parseProvider(object));
    expect(code).toBe('SEKS_PROVIDER_INVALID');
    expect(message).toContain(`SeksProvider acme: ${field}`);
  });
});

interface JsonSchema {
  type?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  enum?: string[];
}

/** every field by path, with what a client must know to fill it in */
function fieldsOf(schema: JsonSchema, path: string): Record<string, string> {
  const fields: Record<string, string> = {};
  if (schema.items !== undefined) Object.assign(fields, fieldsOf(schema.items, `${path}[]`));
  for (const [name, value] of Object.entries(schema.properties ?? {})) {
    const required = schema.required?.includes(name) === true ? 'required' : 'optional';
    const choices = value.enum === undefined ? '' : ` ${[...value.enum].sort().join('|')}`;
    fields[`${path}.${name}`] = `${required} ${value.type}${choices}`;
    Object.assign(fields, fieldsOf(value, `${path}.${name}`));
  }
  return fields;
}

test('CRD and zod schema of a provider have the same fields, types and choices', () => {
  const manifest = parse(
    readFileSync(new URL('../manifests/seksproviders.yaml', import.meta.url), 'utf8'),
  ) as { spec: { versions: [{ schema: { openAPIV3Schema: { properties: { spec: JsonSchema } } } }] } };
  const ofCrd = fieldsOf(manifest.spec.versions[0].schema.openAPIV3Schema.properties.spec, 'spec');
  const ofZod = fieldsOf(z.toJSONSchema(providerSpec) as JsonSchema, 'spec');
  expect(Object.keys(ofCrd).length).toBeGreaterThan(20);
  expect(ofZod).toEqual(ofCrd);
});
