// Which models may be used. A model stands in the path, in the body, or, for WebSockets, in the query or in messages.
import { type LeasedCredential, type ProviderSpec, SeksError } from '@seks/crds';

import { matchesModelGlob } from '../usage/model-name.ts';
import { compileGlob } from './glob.ts';
import { spellings } from './policy.ts';

/** where the model of a request is to be found */
export type ModelPlace =
  /** this request needs none, or nobody asks */
  | { kind: 'none' }
  | { kind: 'known'; model: string }
  /** in the JSON body or form */
  | { kind: 'body' };

/** model rules of one credential */
export interface ModelRules {
  /** whether models count at all */
  readonly enforced: boolean;
  /** a limit in dollars cannot be kept for a model without a price */
  readonly mustBePriced: boolean;
  /** the day's tokens or dollars are limited, so that usage must be told */
  readonly budgeted: boolean;
  /**
   * where the model of a request stands
   *
   * @throws SeksError SEKS_MODEL_MISSING if the path names one only as some servers read it
   */
  place(method: string, plainPath: string): ModelPlace;
  /** whether the binding allows the model, as the request spells it */
  allows(model: string): boolean;
}

type Policy = Pick<LeasedCredential['policy'], 'models' | 'limits'>;
type ModelFrom = ProviderSpec['modelFrom'];

const MODEL = '{model}';
const BODY_METHODS = new Set(['POST', 'PUT', 'PATCH']);

/** compiles the rules, once for each lease */
export function compileModelRules(from: ModelFrom, { models, limits }: Policy): ModelRules {
  const paths = (from?.paths ?? []).map(compileModelPath);
  const foldedPaths = (from?.paths ?? []).map((path) => compileModelPath(path.toLowerCase()));
  const mustBePriced = limits?.usdPerDay !== undefined;
  const budgeted = mustBePriced || limits?.tokensPerDay !== undefined;
  const enforced = models !== undefined || mustBePriced;
  return {
    enforced,
    mustBePriced,
    budgeted,
    place(method, plainPath) {
      if (!enforced) return { kind: 'none' };
      for (const find of paths) {
        const model = find(plainPath);
        if (model !== undefined) return { kind: 'known', model };
      }
      // A lenient server would run the model of `/openai/Deployments/dear/…` whatever the body says.
      if (namesInOtherSpelling(foldedPaths, plainPath))
        throw new SeksError(
          'SEKS_MODEL_MISSING',
          'Its path names one in a spelling that only some servers take.',
        );
      // Whoever limits models does not allow what may use any: a body that names none is refused, whatever route it is for.
      return BODY_METHODS.has(method) ? { kind: 'body' } : { kind: 'none' };
    },
    allows: (model) => models?.some((glob) => matchesModelGlob(glob, plainModelName(model))) ?? true,
  };
}

/** Gemini's bodies and messages say `models/gemini-…` where its paths say `gemini-…` */
export function plainModelName(model: string): string {
  return model.startsWith('models/') ? model.slice('models/'.length) : model;
}

type ModelFinder = (path: string) => string | undefined;

function namesInOtherSpelling(finders: readonly ModelFinder[], path: string): boolean {
  if (finders.length === 0) return false;
  return spellings(path).some((spelling) => finders.some((find) => find(spelling) !== undefined));
}

/** finds the model in a path by segments; in `{model}:*` it ends at the first colon */
function compileModelPath(pattern: string): ModelFinder {
  const segments = pattern.split('/');
  const at = segments.findIndex((segment) => segment.includes(MODEL));
  const [before = '', after = ''] = (segments[at] ?? '').split(MODEL);
  const fits = segments.map((segment) => (segment.includes(MODEL) ? undefined : compileGlob(segment)));
  const open = segments.at(-1) === '**';
  return (path) => {
    const parts = path.split('/');
    if (open ? parts.length < segments.length - 1 : parts.length !== segments.length) return undefined;
    for (const [i, glob] of fits.entries()) {
      if (glob === undefined || (open && i === segments.length - 1)) continue;
      if (!glob(parts[i] ?? '')) return undefined;
    }
    return modelIn(parts[at] ?? '', before, after);
  };
}

function modelIn(segment: string, before: string, after: string): string | undefined {
  if (!segment.startsWith(before)) return undefined;
  const rest = segment.slice(before.length);
  const suffix = after.replace(/\*.*$/s, '');
  const end = endOfModel(rest, suffix, suffix === after);
  return end > 0 ? rest.slice(0, end) : undefined;
}

/** @param isLast nothing may follow the suffix */
function endOfModel(rest: string, suffix: string, isLast: boolean): number {
  if (suffix === '') return rest.length;
  if (!isLast) return rest.indexOf(suffix);
  return rest.endsWith(suffix) ? rest.length - suffix.length : -1;
}
