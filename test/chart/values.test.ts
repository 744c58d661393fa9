// The chart's values: each is explained, and the schema knows each, and nothing else.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from '@jest/globals';
import type { Node, Pair } from 'yaml';
import { isMap, parse, parseDocument } from 'yaml';

interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
}

const CHART = join(import.meta.dirname, '../../charts/seks');
const TEXT = readFileSync(join(CHART, 'values.yaml'), 'utf8');
const SCHEMA = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as Schema;

/** keys whose meaning their name says, given the comment on their parent */
const SELF_EXPLANATORY = new Set([
  'repository',
  'enabled',
  'replicas',
  'resources',
  'requests',
  'limits',
  'minAvailable',
  'labelValue',
]);

test('each value has a comment, or stands in a block that has one', () => {
  const silent: string[] = [];
  walk(parseDocument(TEXT).contents, [], (path, pair, first) => {
    const key = pair.key as Node;
    // The comment above the first key of a block belongs to the block's node, as the parser sees it.
    const comment =
      key.commentBefore ?? (first ? (pair as { parentComment?: string }).parentComment : undefined);
    if ((comment ?? '').trim() === '' && !SELF_EXPLANATORY.has(path.at(-1) ?? ''))
      silent.push(path.join('.'));
  });
  expect(silent).toEqual([]);
});

test('the schema has exactly the fields of values.yaml, and refuses others', () => {
  compare(parse(TEXT) as Record<string, unknown>, SCHEMA, []);
});

function compare(values: Record<string, unknown>, schema: Schema, path: string[]): void {
  const { properties, additionalProperties } = resolve(schema);
  expect([path, Object.keys(properties ?? {}).sort()]).toEqual([path, Object.keys(values).sort()]);
  // `global` belongs to all charts of a release.
  expect([path, additionalProperties]).toEqual([path, path[0] === 'global']);
  for (const [key, value] of Object.entries(values)) {
    const field = resolve(properties?.[key] ?? {});
    if (field.properties !== undefined && !isOpen(field)) {
      compare(value as Record<string, unknown>, field, [...path, key]);
    }
  }
}

/** resources: Kubernetes' own fields, which values need not all have */
function isOpen(field: Schema): boolean {
  return Object.keys(field.properties ?? {}).join() === 'requests,limits';
}

function resolve(schema: Schema): Schema {
  return schema.$ref === undefined ? schema : (SCHEMA.$defs?.[schema.$ref.replace('#/$defs/', '')] ?? {});
}

function walk(
  node: unknown,
  path: string[],
  visit: (path: string[], pair: Pair, first: boolean) => void,
): void {
  if (!isMap(node) || node.flow === true) return;
  node.items.forEach((pair, index) => {
    const key = [...path, String(pair.key)];
    if (index === 0) Object.assign(pair, { parentComment: node.commentBefore });
    visit(key, pair, index === 0);
    walk(pair.value, key, visit);
  });
}
