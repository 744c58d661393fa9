// What a schema cannot say about a provider document: that its parts fit together. The API server checks the same with CEL where it
// can; an object that was stored under an older CRD, or a file of the catalogue, has only this.
import { checkTemplate } from './fake-token.ts';
import { parametersIn } from './provider-parameters.ts';
import type { ModelPrice, Placement, ProviderSpec } from './provider.ts';

/** one label, which may hold parameters, e.g. `{account}-{region}` */
const LABEL = /^(?:[a-z0-9]|\{[a-z][a-zA-Z0-9]*\})(?:[-a-z0-9]|\{[a-z][a-zA-Z0-9]*\})*$/;
const LITERAL_LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
/** a name whose last label begins with a digit could be read as an IPv4 address, e.g. `10.0.0.0x1` (WHATWG URL, 3.5) */
const LAST_LABEL = /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/;
const MAX_HOST_LENGTH = 253;
/** below which a wildcard or a parameter would reach hosts that are not the provider's */
const MIN_LITERAL_LABELS = 2;

const PARAMETER_VALUE = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const KEY_PREFIX = /^[A-Za-z0-9._:-]{2,32}$/;
const PRICE = /^[0-9]{1,6}(?:\.[0-9]{1,6})?$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** the first part of the document that does not fit, as `spec.field: what is wrong`; `undefined` if there is none */
export function providerProblem(spec: ProviderSpec): string | undefined {
  return [
    upstreamProblems,
    parameterProblems,
    hostReferenceProblems,
    placementProblems,
    templateProblems,
    modelProblems,
    priceProblems,
  ]
    .flatMap((problems) => problems(spec))
    .at(0);
}

function upstreamProblems({ upstreams }: ProviderSpec): string[] {
  const [first] = upstreams;
  const problems: string[] = [];
  if (first?.host.startsWith('*.') === true) {
    problems.push('spec.upstreams[0].host: must be one host, not a wildcard');
  }
  if (first?.auth === 'None') problems.push('spec.upstreams[0].auth: must be Required');
  for (const [index, { host }] of upstreams.entries()) {
    const field = `spec.upstreams[${index}].host`;
    const problem = hostProblem(host);
    if (problem !== undefined) problems.push(`${field}: ${problem}`);
    if (upstreams.findIndex((other) => other.host === host) < index) problems.push(`${field}: stands twice`);
  }
  return problems;
}

function hostProblem(host: string): string | undefined {
  const labels = host.split('.');
  if (labels[0] === '*') labels.shift();
  const last = labels.at(-1) ?? '';
  if (
    host.length > MAX_HOST_LENGTH ||
    !labels.every((label) => LABEL.test(label)) ||
    !LAST_LABEL.test(last)
  ) {
    return 'must be a DNS name in lower case, no address';
  }
  const literal = labels.slice(-MIN_LITERAL_LABELS);
  if (literal.length < MIN_LITERAL_LABELS || !literal.every((label) => LITERAL_LABEL.test(label))) {
    return 'must end with two labels without wildcard and parameter';
  }
  return undefined;
}

function parameterProblems(spec: ProviderSpec): string[] {
  const used = parametersIn(spec);
  const declared = (spec.parameters ?? []).map(({ name }) => name);
  return [
    ...spec.upstreams.flatMap((upstream, index) =>
      [...parametersIn({ upstreams: [upstream] })]
        .filter((name) => !declared.includes(name))
        .map((name) => `spec.upstreams[${index}].host: spec.parameters has no ${name}`),
    ),
    ...(spec.parameters ?? []).flatMap(({ name, default: value }, index) => [
      ...(used.has(name) ? [] : [`spec.parameters[${index}].name: ${name} stands in no host`]),
      ...(declared.indexOf(name) < index ? [`spec.parameters[${index}].name: ${name} stands twice`] : []),
      ...(value === undefined || PARAMETER_VALUE.test(value)
        ? []
        : [`spec.parameters[${index}].default: must be one DNS label`]),
    ]),
  ];
}

/** a rule for a host that is not there would never match: a `deny` that denies nothing */
function hostReferenceProblems(spec: ProviderSpec): string[] {
  const known = new Set(spec.upstreams.map(({ host }) => host));
  const unknown = (field: string, host: string | undefined): string[] =>
    host === undefined || known.has(host) ? [] : [`${field}: ${host} is not among spec.upstreams`];
  return [
    ...(['allow', 'deny', 'keyless'] as const).flatMap((list) =>
      (spec[list] ?? []).flatMap(({ hosts }, rule) =>
        (hosts ?? []).flatMap((host, index) => unknown(`spec.${list}[${rule}].hosts[${index}]`, host)),
      ),
    ),
    ...(spec.aliases ?? []).flatMap(({ host }, index) => unknown(`spec.aliases[${index}].host`, host)),
  ];
}

function placementProblems({ auth }: ProviderSpec): string[] {
  return auth.flatMap((placement: Placement, index) =>
    'path' in placement && !placement.path.prefix.startsWith('/')
      ? [`spec.auth[${index}].path.prefix: must begin with /`]
      : [],
  );
}

function templateProblems({ fakeToken, keyPrefixes }: ProviderSpec): string[] {
  const problem = checkTemplate(fakeToken);
  return [
    ...(problem === undefined ? [] : [`spec.fakeToken: ${problem}`]),
    // A shorter prefix would mask ordinary words of error messages.
    ...(keyPrefixes ?? []).flatMap((prefix, index) =>
      KEY_PREFIX.test(prefix)
        ? []
        : [`spec.keyPrefixes[${index}]: must be 2 to 32 letters, digits or any of . _ : -`],
    ),
  ];
}

function modelProblems({ modelFrom }: ProviderSpec): string[] {
  if (modelFrom === undefined) return [];
  const { body = false, paths = [] } = modelFrom;
  if (!body && paths.length === 0) return ['spec.modelFrom: must name the body or paths'];
  return paths.flatMap((path, index) =>
    path.split('{model}').length === 2 ? [] : [`spec.modelFrom.paths[${index}]: must hold {model} once`],
  );
}

function priceProblems({ prices }: ProviderSpec): string[] {
  if (prices === undefined) return [];
  return [
    ...(isDate(prices.asOf) ? [] : ['spec.prices.asOf: must be a day as YYYY-MM-DD']),
    ...prices.models.flatMap(({ longPrompt = {}, ...price }, index) => [
      ...noDecimals(price, `spec.prices.models[${index}]`),
      ...noDecimals(longPrompt, `spec.prices.models[${index}].longPrompt`),
    ]),
  ];
}

function noDecimals(price: Partial<Omit<ModelPrice, 'longPrompt'>>, field: string): string[] {
  return Object.entries(price).flatMap(([part, text]) =>
    part === 'match' || typeof text !== 'string' || PRICE.test(text)
      ? []
      : [`${field}.${part}: must be a decimal number`],
  );
}

/** `2026-02-30` parses as a day of March */
function isDate(text: string): boolean {
  const time = Date.parse(text);
  return DATE.test(text) && !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
