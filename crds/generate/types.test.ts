import { describe, expect, test } from '@jest/globals';

import { readDefinition } from './schema.ts';
import { typesModule } from './types.ts';

function manifest(spec: object): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    spec: {
      group: 'seks.ai',
      names: { kind: 'Sample' },
      versions: [
        {
          name: 'v1',
          schema: { openAPIV3Schema: { type: 'object', required: ['spec'], properties: { spec } } },
        },
      ],
    },
  };
}

function generate(spec: object, names: Record<string, string> = {}): string {
  return typesModule(readDefinition(manifest(spec)), names).replaceAll(/\s+/g, ' ');
}

describe('types from a CRD', () => {
  test('marks what is not required as optional and turns enums into unions', () => {
    const text = generate({
      type: 'object',
      required: ['mode'],
      properties: { mode: { type: 'string', enum: ['A', 'B'] }, count: { type: 'integer' } },
    });
    expect(text).toContain("spec: { mode: 'A' | 'B'; count?: number;};");
  });

  test('names nested objects by path and leaves the others in place', () => {
    const text = generate(
      {
        type: 'object',
        properties: {
          items: { type: 'array', items: { type: 'object', properties: { on: { type: 'boolean' } } } },
          labels: { type: 'object', additionalProperties: { type: 'string' } },
        },
      },
      { 'spec.items[]': 'Item' },
    );
    expect(text).toContain('spec: { items?: Item[]; labels?: Record<string, string>;};');
    expect(text).toContain('export interface Item { on?: boolean;}');
  });

  test('turns descriptions into docstrings that cannot end early', () => {
    const text = generate({ type: 'object', description: 'Ends */ here.', properties: {} });
    expect(text).toContain('/** Ends *\\/ here. */');
  });

  test('fails on a path that names nothing, so that a renamed field is noticed', () => {
    expect(() => generate({ type: 'object', properties: {} }, { 'spec.gone': 'Gone' })).toThrow('spec.gone');
  });

  test('fails on a schema keyword that it does not know', () => {
    expect(() => generate({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true })).toThrow(
      'x-kubernetes-preserve-unknown-fields',
    );
  });
});
