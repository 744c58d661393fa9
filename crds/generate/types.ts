// TypeScript types from a CRD's schema. Descriptions become docstrings, so an editor shows what `kubectl explain` shows.
import type { Definition, Schema } from './schema.ts';

const COMMENT_WIDTH = 104;

/** module text with an interface for the object and for each schema that `names` names by its path */
export function typesModule(definition: Definition, names: Readonly<Record<string, string>>): string {
  const unused = new Set(Object.keys(names));
  const interfaces: string[] = [];

  const typeOf = (schema: Schema, path: string): string => {
    if (schema.enum !== undefined) return schema.enum.map((value) => `'${value}'`).join(' | ');
    switch (schema.type) {
      case 'string':
      case 'boolean':
        return schema.type;
      case 'integer':
        return 'number';
      case 'array':
        if (schema.items === undefined) throw new TypeError(`${path} has no items`);
        return arrayOf(typeOf(schema.items, `${path}[]`));
      case 'object':
        if (schema.properties === undefined) {
          if (schema.additionalProperties === undefined) throw new TypeError(`${path} has no properties`);
          return `Record<string, ${typeOf(schema.additionalProperties, path)}>`;
        }
        return named(schema, path);
      default:
        throw new TypeError(`${path} has a type that the generator does not know`);
    }
  };

  const named = (schema: Schema, path: string): string => {
    const name = names[path];
    if (name === undefined) return `{${members(schema, path)}}`;
    unused.delete(path);
    // Reserve the place first, so that outer types stand before the ones they use.
    const place = interfaces.push('') - 1;
    interfaces[place] = `${comment(schema.description)}export interface ${name} {${members(schema, path)}}\n`;
    return name;
  };

  const members = (schema: Schema, path: string): string => {
    const required = new Set(schema.required);
    return Object.entries(schema.properties ?? {})
      .map(([key, value]) => {
        const type = typeOf(value, path === '' ? key : `${path}.${key}`);
        return `\n${comment(value.description)}${key}${required.has(key) ? '' : '?'}: ${type};`;
      })
      .join('');
  };

  const { kind, apiVersion, root } = definition;
  const { metadata: _, ...properties } = root.properties ?? {};
  const body = members({ ...root, properties }, '');
  const object =
    `${comment(root.description)}export interface ${kind} {\n` +
    `apiVersion: '${apiVersion}';\nkind: '${kind}';\nmetadata: ObjectMeta;${body}}\n`;
  if (unused.size > 0) throw new RangeError(`no object at ${[...unused].join(', ')}`);
  return [`import type { ObjectMeta } from '../object-meta.ts';\n`, object, ...interfaces].join('\n');
}

function arrayOf(type: string): string {
  return /^\w+$/.test(type) ? `${type}[]` : `Array<${type}>`;
}

function comment(text: string | undefined): string {
  if (text === undefined) return '';
  const lines = wrap(text.replaceAll('*/', '*\\/'), COMMENT_WIDTH);
  return lines.length === 1
    ? `/** ${lines[0]} */\n`
    : `/**\n${lines.map((line) => ` * ${line}\n`).join('')} */\n`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.trim().split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
