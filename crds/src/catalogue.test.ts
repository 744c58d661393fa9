import { readFileSync } from 'node:fs';

import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import * as z from 'zod';

import { BUILT_IN_PROVIDERS, parseProvider, resolveProvider } from './catalogue.ts';
import { SeksError } from './errors/seks-error.ts';
import { looksLikeFakeToken, makeFakeToken } from './fake-token.ts';
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
    expect(BUILT_IN_PROVIDERS.map(({ name }) => name).sort()).toEqual([
      'anthropic',
      'azure-openai',
      'bedrock',
      'brave',
      'cohere',
      'deepseek',
      'discord',
      'elevenlabs',
      'fireworks',
      'gemini',
      'github',
      'groq',
      'huggingface',
      'linear',
      'mistral',
      'notion',
      'openai',
      'openrouter',
      'perplexity',
      'pinecone',
      'resend',
      'sendgrid',
      'slack',
      'slack-app',
      'stripe',
      'tavily',
      'telegram',
      'together',
      'voyage',
      'xai',
    ]);
  });

  test.each(BUILT_IN_PROVIDERS.map((provider) => [provider.name, provider] as const))(
    '%s has a usable token template, names for its variables and only lower-case headers',
    (_, { spec }) => {
      const token = makeFakeToken(spec.fakeToken, (size) => new Uint8Array(size).fill(7));
      expect(token.byteLength).toBeGreaterThanOrEqual(32);
      expect(spec.env.key.length).toBeGreaterThan(0);
      expect(token.reveal((text) => looksLikeFakeToken(text.toString('latin1')))).toBe(true);
      for (const placement of spec.auth) {
        if ('header' in placement) expect(placement.header.name).toBe(placement.header.name.toLowerCase());
      }
    },
  );

  test('S13: providers that can mint keys or ephemeral tokens deny those routes', () => {
    const denied = (name: string): string[] =>
      BUILT_IN_PROVIDERS.find((provider) => provider.name === name)?.spec.deny?.flatMap(
        ({ paths }) => paths,
      ) ?? [];
    expect(denied('openai')).toEqual(
      expect.arrayContaining(['/v1/organization/**', '/v1/projects/**', '/v1/**/client_secrets']),
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

function withSpec(change: object): SeksProvider {
  return { ...custom, spec: { ...custom.spec, ...change } };
}

describe('parseProvider', () => {
  const hosts = (...names: string[]) => ({ upstreams: names.map((host) => ({ host })) });
  const api = { host: 'api.acme.example' };
  const price = { match: '*', input: '1.25' };

  test('accepts a document whose parts fit together', () => {
    const spec = {
      upstreams: [
        { host: '{resource}-{region}.acme.example' },
        { host: '*.files.acme.example', auth: 'None' },
        { host: 'uploads.acme.example', port: 8443, network: 'Private' },
      ],
      parameters: [{ name: 'resource' }, { name: 'region', default: 'eu-1' }],
      auth: [{ path: { prefix: '/bot' } }, { basic: { field: 'Password' } }, { query: { name: 'key' } }],
      allow: [{ paths: ['/**'], hosts: ['{resource}-{region}.acme.example'] }],
      deny: [{ paths: ['/keys'], hosts: ['uploads.acme.example'] }],
      aliases: [{ prefix: '/u', path: '/v1/u', host: 'uploads.acme.example' }],
      keyPrefixes: ['ak-'],
      modelFrom: { body: true, paths: ['/v1/models/{model}'] },
      prices: { asOf: '2028-02-29', models: [price] },
    };
    expect(parseProvider(withSpec(spec)).spec).toMatchObject(spec);
  });

  test.each([
    ['spec.upstreams[0].host', { upstreams: [{}] }],
    ['spec.upstreams: ', { upstreams: [] }],
    ['spec.auth[0]: ', { auth: [{ header: {} }] }],
    ['spec.fakeToken', { fakeToken: 'sk-{token:5}' }],
    // A field of a later version may narrow what is allowed; ignoring it would widen it.
    ['spec: ', { futureField: true }],

    ['spec.upstreams[0].host: must be one host', hosts('*.acme.example')],
    ['spec.upstreams[0].auth', { upstreams: [{ ...api, auth: 'None' }] }],
    ['spec.upstreams[1].host: stands twice', { upstreams: [api, { ...api, port: 8443 }] }],

    ['spec.upstreams[1].host: must end with two labels', hosts(api.host, '*.example')],
    ['spec.upstreams[1].host: must end with two labels', hosts(api.host, '*.{tenant}.example')],
    ['spec.upstreams[0].host: must end with two labels', hosts('{tenant}.example')],
    ['spec.upstreams[0].host: must end with two labels', hosts('localhost')],
    ...[
      '10.0.0.1',
      '10.0.0.0x1',
      '169.254.169.254.',
      '[::1]',
      '::1',
      '2130706433',
      'api..example',
      'API.acme.example',
      'api.acme.example:443',
      'user@acme.example',
      'api.acme.example/v1',
      'api.*.acme.example',
      '*.*.acme.example',
      '*api.acme.example',
      '{}.acme.example',
      '{Tenant}.acme.example',
      '{tenant.acme.example',
      `${'a'.repeat(254)}.acme.example`,
    ].map((host) => ['spec.upstreams[1].host: must be a DNS name', hosts(api.host, host)] as const),

    ['spec.upstreams[0].host: spec.parameters has no tenant', hosts('{tenant}.acme.example')],
    ['spec.parameters[0].name: tenant stands in no host', { parameters: [{ name: 'tenant' }] }],
    [
      'spec.parameters[1].name: tenant stands twice',
      { ...hosts('{tenant}.acme.example'), parameters: [{ name: 'tenant' }, { name: 'tenant' }] },
    ],
    [
      'spec.parameters[0].default',
      { ...hosts('{tenant}.acme.example'), parameters: [{ name: 'tenant', default: 'a.evil' }] },
    ],

    ['spec.allow[0].hosts[0]', { allow: [{ paths: ['/**'], hosts: ['other.example'] }] }],
    ['spec.deny[1].hosts[1]', { deny: [{ paths: ['/a'] }, { paths: ['/b'], hosts: [api.host, 'x.y.z'] }] }],
    ['spec.aliases[0].host', { aliases: [{ prefix: '/a', path: '/b', host: 'other.example' }] }],

    ['spec.auth[0]: ', { auth: [{}] }],
    ['spec.auth[0]: ', { auth: [{ header: { name: 'x-key' }, query: { name: 'key' } }] }],
    ['spec.auth[1].path.prefix', { auth: [{ query: { name: 'k' } }, { path: { prefix: 'bot' } }] }],

    ['spec.keyPrefixes[1]', { keyPrefixes: ['ak-', 's'] }],
    ['spec.keyPrefixes[0]', { keyPrefixes: ['a b'] }],

    ['spec.modelFrom: ', { modelFrom: {} }],
    ['spec.modelFrom: ', { modelFrom: { body: false } }],
    ['spec.modelFrom: ', { modelFrom: { paths: [] } }],
    ['spec.modelFrom.paths[0]', { modelFrom: { paths: ['/v1/models/*'] } }],
    ['spec.modelFrom.paths[1]', { modelFrom: { paths: ['/{model}', '/{model}/{model}'] } }],

    ...['2026-02-30', '2026-13-01', '2026-1-1', '26-01-01', 'today', '2026-01-01T00:00:00Z', ''].map(
      (asOf) => ['spec.prices.asOf', { prices: { asOf, models: [price] } }] as const,
    ),
    [
      'spec.prices.models[1].output',
      { prices: { asOf: '2026-01-01', models: [price, { match: 'x', output: '-1' }] } },
    ],
    [
      'spec.prices.models[0].longPrompt.input',
      { prices: { asOf: '2026-01-01', models: [{ ...price, longPrompt: { overTokens: 9, input: 'x' } }] } },
    ],
  ])('S7: refuses and names %s in %j', (problem, change) => {
    const [code, message] = codeAndMessageOf(() => parseProvider(withSpec(change)));
    expect(code).toBe('SEKS_PROVIDER_INVALID');
    expect(message).toContain(`SeksProvider acme: ${problem}`);
  });
});

interface JsonSchema {
  type?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  enum?: string[];
}

/** every field by path, with what a client must know to fill it in */
function fieldsOf(schema: JsonSchema, path: string): Record<string, string> {
  const fields: Record<string, string> = {};
  if (schema.items !== undefined) Object.assign(fields, fieldsOf(schema.items, `${path}[]`));
  // A CRD lists the members of all alternatives as optional, and leaves the choice to a CEL rule.
  for (const { required: _, ...alternative } of schema.anyOf ?? []) {
    Object.assign(fields, fieldsOf(alternative, path));
  }
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
