// What every document of the built-in catalogue promises, beyond that it can be parsed.
import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';

import { BUILT_IN_PROVIDERS } from './catalogue.ts';
import { makeFakeToken } from './fake-token.ts';
import { fillParameters, interceptableHosts, interceptModes } from './provider-parameters.ts';
import type { Provider } from './provider.ts';

const PROVIDERS = new URL('../providers/', import.meta.url);
const MANIFEST = new URL('../manifests/seksproviders.yaml', import.meta.url);

const byName = BUILT_IN_PROVIDERS.map((provider) => [provider.name, provider] as const);

function provider(name: string): Provider {
  const found = BUILT_IN_PROVIDERS.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no provider ${name}`);
  return found;
}

function fakeTokenOf(name: string): string {
  const token = makeFakeToken(provider(name).spec.fakeToken, (size) => new Uint8Array(size).fill(9));
  return token.reveal((text) => text.toString('latin1'));
}

/** what the API server checks of a CRD's schema, as far as the manifest uses it; CEL rules are the cluster tests' */
interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  enum?: unknown[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  minimum?: number;
  maximum?: number;
  'x-kubernetes-list-type'?: string;
}

function* violations(schema: Schema, value: unknown, path: string): Generator<string> {
  if (schema.enum !== undefined && !schema.enum.includes(value)) yield `${path}: not one of the choices`;
  if (schema.type === 'object') {
    const object = value as Record<string, unknown>;
    for (const name of schema.required ?? []) if (!(name in object)) yield `${path}.${name}: missing`;
    for (const [name, member] of Object.entries(object)) {
      const of = schema.properties?.[name];
      if (of === undefined) yield `${path}.${name}: unknown`;
      else yield* violations(of, member, `${path}.${name}`);
    }
  } else if (schema.type === 'array') {
    const list = value as unknown[];
    if (list.length < (schema.minItems ?? 0)) yield `${path}: too few`;
    if (list.length > (schema.maxItems ?? Infinity)) yield `${path}: too many`;
    if (schema['x-kubernetes-list-type'] === 'set' && new Set(list).size < list.length)
      yield `${path}: twice`;
    for (const [at, item] of list.entries()) yield* violations(schema.items ?? {}, item, `${path}[${at}]`);
  } else if (schema.type === 'string' && typeof value !== 'string') {
    yield `${path}: no string`;
  } else if (typeof value === 'string') {
    if (value.length < (schema.minLength ?? 0) || value.length > (schema.maxLength ?? Infinity))
      yield `${path}: length ${value.length}`;
    if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value))
      yield `${path}: ${value} does not fit`;
  } else if (schema.type === 'integer') {
    const number = value as number;
    if (number < (schema.minimum ?? -Infinity) || number > (schema.maximum ?? Infinity))
      yield `${path}: out of range`;
  } else if (schema.type === 'boolean' && typeof value !== 'boolean') {
    yield `${path}: no boolean`;
  }
}

function specSchema(): Schema {
  const manifest = parse(readFileSync(MANIFEST, 'utf8')) as {
    spec: { versions: [{ schema: { openAPIV3Schema: { properties: { spec: Schema } } } }] };
  };
  return manifest.spec.versions[0].schema.openAPIV3Schema.properties.spec;
}

describe('every document of the catalogue', () => {
  const schema = specSchema();

  test.each(byName)('%s could be applied to a cluster as it stands', (_, { spec }) => {
    expect([...violations(schema, spec, 'spec')]).toEqual([]);
  });

  test.each(byName)('%s stands in a file of its name that tells its sources', (name) => {
    expect(readdirSync(PROVIDERS)).toContain(`${name}.yaml`);
    const text = readFileSync(new URL(`${name}.yaml`, PROVIDERS), 'utf8');
    expect(text).toMatch(/^# Sources: /);
  });

  test.each(byName)('S7: %s names only hosts of its own in its rules', (_, { spec }) => {
    const known = new Set(spec.upstreams.map(({ host }) => host));
    const named = [spec.allow, spec.deny, spec.keyless].flatMap((rules) =>
      (rules ?? []).flatMap(({ hosts }) => hosts ?? []),
    );
    expect(named.filter((host) => !known.has(host))).toEqual([]);
  });

  test.each(byName)('%s can be reached in the way that it asks for', (_, bare) => {
    const parameters = Object.fromEntries((bare.spec.parameters ?? []).map(({ name }) => [name, 'acme']));
    const filled = fillParameters(bare, parameters);
    const [mode] = interceptModes(filled, undefined);
    if (mode === 'BaseURL') expect(filled.spec.env.baseUrl?.length).toBeGreaterThan(0);
    else expect(interceptableHosts(filled).length).toBeGreaterThan(0);
  });

  test.each(byName)('%s tells which model its prices are for', (_, { spec }) => {
    if (spec.prices === undefined) return expect(spec.prices).toBeUndefined();
    // A limit in dollars needs the model of each request, and what it used.
    expect(spec.modelFrom).toBeDefined();
    expect(spec.usage).toBeDefined();
    expect(spec.prices.source).toContain('https://');
    const names = spec.prices.models.map(({ match }) => match);
    expect(new Set(names).size).toBe(names.length);
  });

  test('no two want the same variable', () => {
    const names = BUILT_IN_PROVIDERS.flatMap(({ spec: { env } }) => [
      ...env.key,
      ...(env.baseUrl ?? []),
      ...(env.constants ?? []).map(({ name }) => name),
    ]);
    expect(names.filter((name, at) => names.indexOf(name) < at)).toEqual([]);
  });

  test('S13: those whose API mints, shows or moves credentials deny something', () => {
    const without = BUILT_IN_PROVIDERS.filter(({ spec }) => (spec.deny ?? []).length === 0);
    expect(without.map(({ name }) => name).sort()).toEqual(['brave', 'deepseek', 'groq', 'voyage']);
  });
});

describe('fake tokens pass what SDKs check before they send anything', () => {
  test('Discord: the first part is the base64 of a number (Discordeno, Seyfert)', () => {
    const [id = '', ...rest] = fakeTokenOf('discord').split('.');
    expect(BigInt(atob(id))).toBe(9_223_372_036_854_775_807n);
    expect(rest).toHaveLength(2);
  });

  test.each([
    ['telegram', 'digits, a colon, 35 characters', /^\d{8,10}:[A-Za-z0-9_-]{35}$/],
    ['github', 'a known prefix and no full stop', /^ghp_[A-Za-z0-9]{36,}$/],
    ['huggingface', 'the prefix of its own keys', /^hf_[A-Za-z0-9]{34}$/],
    ['sendgrid', 'the prefix of its own keys', /^SG\./],
    ['stripe', 'a key of test mode', /^sk_test_[A-Za-z0-9]+$/],
    ['gemini', 'no ephemeral token', /^AIza[A-Za-z0-9_-]{35}$/],
    ['slack', 'a bot token', /^xoxb-/],
    ['slack-app', 'an app-level token', /^xapp-/],
  ])('%s: %s', (name, _, shape) => {
    expect(fakeTokenOf(name)).toMatch(shape);
  });
});
