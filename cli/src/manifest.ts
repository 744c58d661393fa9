// Secret manifests: making one, merging a value into a file, and reading the values of all Secrets in a file.
import { LABEL_SEALED } from '@seks/crds';
import { Document, isMap, parseAllDocuments } from 'yaml';

import { CliError } from './cli-error.ts';

/** a sealed value and its place */
export interface SealedValue {
  namespace: string;
  secret: string;
  key: string;
  envelope: string;
}

export interface SecretValue {
  key: string;
  /** decoded text, or why there is none */
  value: { text: string } | { problem: string };
}

/** one Secret of a file */
export interface SecretManifest {
  namespace: string | undefined;
  name: string | undefined;
  /** whether it carries the label that makes it a sealed Secret */
  labelled: boolean;
  values: SecretValue[];
}

type Format = 'yaml' | 'json';

const FORMAT_OPTIONS = { lineWidth: 0 } as const;

/** a ready manifest of a sealed Secret with one value */
export function secretManifest(sealed: SealedValue, format: Format): string {
  const object = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: sealed.secret,
      namespace: sealed.namespace,
      labels: { [LABEL_SEALED]: 'true' },
    },
    type: 'Opaque',
    data: { [sealed.key]: base64(sealed.envelope) },
  };
  return format === 'json'
    ? `${JSON.stringify(object, undefined, 2)}\n`
    : new Document(object).toString(FORMAT_OPTIONS);
}

/**
 * puts a value into the Secret of that name in a file's text, or adds the Secret; everything else stays as it is,
 * comments too
 */
export function mergeIntoManifest(text: string, sealed: SealedValue, format: Format): string {
  if (text.trim() === '') return secretManifest(sealed, format);
  if (format === 'json') return mergeIntoJson(text, sealed);
  const documents = parseYaml(text);
  const target = documents.find((document) => isSecretNamed(objectOf(document), sealed));
  if (target === undefined) {
    const added = new Document(JSON.parse(secretManifest(sealed, 'json')));
    return joinYaml([...documents.filter((document) => document.contents !== null), added]);
  }
  checkMergeable(objectOf(target), sealed);
  setValue(target, sealed);
  return joinYaml(documents);
}

/** every Secret in a text of one or more YAML or JSON documents, also inside a List */
export function readSecrets(text: string): SecretManifest[] {
  return parseYaml(text).flatMap((document) => secretsOf(objectOf(document)));
}

function parseYaml(text: string): Document[] {
  const documents = parseAllDocuments(text);
  if (!Array.isArray(documents)) return [];
  const [error] = documents.flatMap((document) => document.errors);
  if (error !== undefined) {
    // The code and not the message, which may quote the file, and with it a key.
    const what = error.code.toLowerCase().replaceAll('_', ' ');
    const line = error.linePos?.[0].line;
    throw notYaml(line === undefined ? what : `${what} in line ${line}`);
  }
  return documents as Document[];
}

function objectOf(document: Document): unknown {
  try {
    return document.toJS();
  } catch {
    throw notYaml('an alias that leads nowhere, or too many of them');
  }
}

function notYaml(what: string): CliError {
  return new CliError(`not YAML: ${what}`, { hint: 'correct the file, or seal into a new one' });
}

function joinYaml(documents: readonly Document[]): string {
  return documents
    .map((document, at) => {
      const text = document.toString({ ...FORMAT_OPTIONS, directives: null });
      return at === 0 || text.startsWith('---') ? text : `---\n${text}`;
    })
    .join('');
}

function mergeIntoJson(text: string, sealed: SealedValue): string {
  let object: unknown;
  try {
    object = JSON.parse(text);
  } catch {
    throw new CliError('the file to merge into is not JSON', { hint: 'name it .yaml if it holds YAML' });
  }
  if (!isSecretNamed(object, sealed)) {
    throw new CliError(`the file to merge into is not Secret ${sealed.namespace}/${sealed.secret}`, {
      hint: 'a JSON file holds one Secret; merge several into a YAML file',
    });
  }
  checkMergeable(object, sealed);
  const document = new Document(object);
  setValue(document, sealed);
  return `${JSON.stringify(document.toJS(), undefined, 2)}\n`;
}

function setValue(document: Document, sealed: SealedValue): void {
  // The API server lets stringData win over data: a value left there would hide the new one.
  if (isMap(document.get('stringData'))) {
    document.deleteIn(['stringData', sealed.key]);
    const rest = document.get('stringData');
    if (isMap(rest) && rest.items.length === 0) document.delete('stringData');
  }
  if (document.get('data') === null) document.delete('data');
  document.setIn(['data', sealed.key], base64(sealed.envelope));
}

function checkMergeable(object: unknown, sealed: SealedValue): void {
  const [secret] = secretsOf(object);
  if (secret?.labelled === true) return;
  throw new CliError(
    `Secret ${sealed.namespace}/${sealed.secret} in the file is not labelled ${LABEL_SEALED}: "true"`,
    {
      hint: 'a sealed Secret holds nothing but envelopes; use another Secret, or seal all of its values and add the label',
    },
  );
}

function isSecretNamed(object: unknown, sealed: SealedValue): boolean {
  const { kind, metadata } = asRecord(object);
  const { name, namespace } = asRecord(metadata);
  return kind === 'Secret' && name === sealed.secret && (namespace ?? sealed.namespace) === sealed.namespace;
}

function secretsOf(object: unknown): SecretManifest[] {
  const { kind, items, metadata, data, stringData } = asRecord(object);
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items))
    return items.flatMap(secretsOf);
  if (kind !== 'Secret') return [];
  const { name, namespace, labels } = asRecord(metadata);
  const plain = Object.entries(asRecord(stringData)).map(([key, value]) => ({
    key,
    value: plainText(value),
  }));
  const hidden = new Set(plain.map(({ key }) => key));
  const encoded = Object.entries(asRecord(data))
    .filter(([key]) => !hidden.has(key))
    .map(([key, value]) => ({ key, value: decodedText(value) }));
  return [
    {
      namespace: nameOf(namespace),
      name: nameOf(name),
      labelled: asRecord(labels)[LABEL_SEALED] === 'true',
      values: [...encoded, ...plain].map(({ key, value }) => ({ key: printable(key), value })),
    },
  ];
}

function nameOf(value: unknown): string | undefined {
  return typeof value === 'string' ? printable(value) : undefined;
}

/** plain ASCII only: a manifest must not be able to steer the terminal; no name in Kubernetes holds anything else */
function printable(text: string): string {
  return text.replaceAll(/[^\u0020-\u007E]/g, '?');
}

function plainText(value: unknown): SecretValue['value'] {
  return typeof value === 'string' ? { text: value } : { problem: 'the value is not a string' };
}

function decodedText(value: unknown): SecretValue['value'] {
  if (typeof value !== 'string') return { problem: 'the value is not a string' };
  const packed = value.replaceAll(/\s/g, '');
  const bytes = Buffer.from(packed, 'base64');
  return bytes.toString('base64') === packed
    ? { text: bytes.toString() }
    : { problem: 'the value is not base64' };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
