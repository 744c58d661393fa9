// The subset of OpenAPI v3 that our CRDs use. A keyword outside of it must fail here, not vanish from the types.
import { z } from 'zod';

export interface Schema {
  description?: string | undefined;
  type: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  properties?: Record<string, Schema> | undefined;
  required?: string[] | undefined;
  additionalProperties?: Schema | undefined;
  items?: Schema | undefined;
  enum?: string[] | undefined;
}

const constraint = {
  format: z.string().optional(),
  pattern: z.string().optional(),
  minLength: z.int().optional(),
  maxLength: z.int().optional(),
  minItems: z.int().optional(),
  maxItems: z.int().optional(),
  maxProperties: z.int().optional(),
  minimum: z.int().optional(),
  maximum: z.int().optional(),
  'x-kubernetes-list-type': z.enum(['map', 'set', 'atomic']).optional(),
  'x-kubernetes-list-map-keys': z.array(z.string()).optional(),
  'x-kubernetes-validations': z.array(z.strictObject({ rule: z.string(), message: z.string() })).optional(),
};

const schema: z.ZodType<Schema> = z.lazy(() =>
  z.strictObject({
    description: z.string().optional(),
    type: z.enum(['object', 'array', 'string', 'integer', 'boolean']),
    properties: z.record(z.string(), schema).optional(),
    required: z.array(z.string()).optional(),
    additionalProperties: schema.optional(),
    items: schema.optional(),
    enum: z.array(z.string()).optional(),
    ...constraint,
  }),
);

const customResourceDefinition = z.object({
  apiVersion: z.literal('apiextensions.k8s.io/v1'),
  kind: z.literal('CustomResourceDefinition'),
  spec: z.object({
    group: z.string(),
    names: z.object({ kind: z.string() }),
    versions: z
      .array(z.object({ name: z.string(), schema: z.object({ openAPIV3Schema: schema }) }))
      .length(1, 'the generator knows one version; decide how types of several are named first'),
  }),
});

/** a CRD's kind and the schema of its only version */
export interface Definition {
  kind: string;
  apiVersion: string;
  root: Schema;
}

/** reads a parsed CRD manifest */
export function readDefinition(manifest: unknown): Definition {
  const { spec } = customResourceDefinition.parse(manifest);
  const [version] = spec.versions;
  if (version === undefined) throw new TypeError(`${spec.names.kind} has no version`);
  return {
    kind: spec.names.kind,
    apiVersion: `${spec.group}/${version.name}`,
    root: version.schema.openAPIV3Schema,
  };
}
