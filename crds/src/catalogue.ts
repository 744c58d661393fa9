// Which provider a name means: a SeksProvider of that name, else the built-in document.
import { SeksError } from './errors/seks-error.ts';
import { CATALOGUE } from './generated/catalogue.ts';
import type { SeksProvider } from './generated/seks-provider.ts';
import { providerProblem } from './provider-problem.ts';
import type { Provider } from './provider.ts';
import { providerSpec } from './provider.ts';

/** the built-in catalogue, sorted by name */
export const BUILT_IN_PROVIDERS: readonly Provider[] = /* @__PURE__ */ CATALOGUE.map(parseProvider);

/**
 * checks a SeksProvider as strictly as the API server does: an older CRD, or a field that this version does not know,
 * must not become a policy that is weaker than what its author wrote
 *
 * @throws SeksError SEKS_PROVIDER_INVALID that names the field
 */
export function parseProvider(object: SeksProvider): Provider {
  const { name } = object.metadata;
  const parsed = providerSpec.safeParse(object.spec);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${fieldOf(issue.path)}: ${issue.message}`);
    throw invalid(name, problems.join('; '));
  }
  const problem = providerProblem(parsed.data);
  if (problem !== undefined) throw invalid(name, problem);
  return { name, spec: parsed.data };
}

/**
 * finds a provider by name; a SeksProvider replaces a built-in one of its name, also when it is invalid
 *
 * @param custom looks a SeksProvider up
 * @throws SeksError SEKS_PROVIDER_UNKNOWN, SEKS_PROVIDER_INVALID
 */
export function resolveProvider(name: string, custom: (name: string) => SeksProvider | undefined): Provider {
  const object = custom(name);
  if (object !== undefined) return parseProvider(object);
  const builtIn = BUILT_IN_PROVIDERS.find((provider) => provider.name === name);
  if (builtIn === undefined) throw new SeksError('SEKS_PROVIDER_UNKNOWN', `Provider: ${name}.`);
  return builtIn;
}

function invalid(name: string, problems: string): SeksError {
  return new SeksError('SEKS_PROVIDER_INVALID', `SeksProvider ${name}: ${problems}.`);
}

function fieldOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}.${String(part)}`),
    'spec',
  );
}
