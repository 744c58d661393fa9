// The model list over a WebSocket, where the model stands in the query, the path or in messages, at a place that differs by API.
import { SeksError } from '@seks/crds';

import type { GrantedCredential } from '../lease/granted-credential.ts';
import { checkModel, dearestModel, type NamedModel } from '../listen/body-check.ts';
import { looksLikeJson } from './json-like.ts';
import { type MessageModel, modelsInMessage } from './message-models.ts';
import type { Message } from './message.ts';

/** watches the agent's messages */
export interface ModelGuard {
  /** the model that was named last */
  readonly model: string | undefined;
  /**
   * looks at one whole message
   *
   * @throws SeksError SEKS_MODEL_*; SEKS_BODY_MALFORMED if it cannot be told for certain which model it names
   */
  check(message: Message): void;
}

/** of Gemini Live, which has free-form objects beside it: what a tool answered may well have a `model` */
const SETUP = 'setup';
/** of a realtime session and of one response, and of the message that asks for one; elsewhere it may be anything, e.g. in metadata */
const CHOOSES = new Set(['', 'session', 'response']);
/** of a session that does nothing else; in one that answers, too, it must not stand for the model that does */
const TRANSCRIBES = new Set(['session.audio.input.transcription', 'session.input_audio_transcription']);

/**
 * a guard for one connection under the rules of one lease; where models do not matter, it only learns the name, for the price
 *
 * @param known the models that are known already: from query and path
 * @param last the model that was named last under the rules of an earlier lease
 * @throws SeksError SEKS_MODEL_DENIED, SEKS_MODEL_UNPRICED if one of them may not be used
 */
export function createModelGuard(
  credential: GrantedCredential,
  known: readonly string[],
  last?: string,
): ModelGuard {
  const isGemini = credential.provider.spec.usage?.format === 'Gemini';
  const { enforced } = credential.models;
  const mustBeAllowed = (model: string): void => checkModel(model, credential, { model: undefined });
  if (enforced) for (const model of last === undefined ? known : [...known, last]) mustBeAllowed(model);
  // Google asks nothing of the query, so what the agent writes there names no model.
  const named: NamedModel = { model: last ?? (isGemini ? undefined : dearestModel(known, credential)) };
  const within = isGemini ? SETUP : undefined;
  const learn = isGemini ? learnFromSetup : learnFromEvent;
  let curious = credential.pricing !== undefined && named.model === undefined;
  return {
    get model() {
      return named.model;
    },
    check(message) {
      if (enforced) {
        const models = modelsOf(message, within);
        for (const { model } of models) mustBeAllowed(model);
        learn(models, named);
        if (named.model === undefined) throw new SeksError('SEKS_MODEL_MISSING');
      } else if (curious) {
        curious = false;
        learn(modelsIfReadable(message, within), named);
      }
    },
  };
}

/** the first message; what calls itself a setup later sets nothing up */
function learnFromSetup(models: readonly MessageModel[], named: NamedModel): void {
  named.model ??= only(models.filter(({ owner }) => owner === SETUP));
}

function learnFromEvent(models: readonly MessageModel[], named: NamedModel): void {
  named.model = only(models.filter(({ owner }) => CHOOSES.has(owner))) ?? named.model;
  named.model ??= models.find(({ owner }) => TRANSCRIBES.has(owner))?.model;
}

function only(models: readonly MessageModel[]): string | undefined {
  const [first, ...others] = models;
  if (others.some(({ model }) => model !== first?.model)) throw new SeksError('SEKS_MODEL_MISSING');
  return first?.model;
}

function modelsOf({ data, binary }: Message, within: string | undefined): MessageModel[] {
  // Sound names no model.
  return !binary || looksLikeJson(data) ? modelsInMessage(data, within) : [];
}

function modelsIfReadable(message: Message, within: string | undefined): MessageModel[] {
  try {
    return modelsOf(message, within);
  } catch (cause) {
    // Not ours to judge where models do not matter.
    if (cause instanceof SeksError) return [];
    throw cause;
  }
}
