// The model list over a WebSocket, where the model stands in the query, the path or in messages, at a place that differs by API.
import { isUtf8 } from 'node:buffer';

import { SeksError } from '@seks/crds';

import type { GrantedCredential } from '../lease/granted-credential.ts';
import { checkModel, type NamedModel } from '../listen/body-check.ts';
import { modelsInMessage } from './message-models.ts';
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

const OPEN_BRACE = 0x7b;
/** UTF-16 and a byte order mark put so many bytes before or into the first character */
const FIRST_BYTES = 4;

/**
 * a guard for one connection under the rules of one lease; where models do not matter, it only learns the name, for the price
 *
 * @param known the models that are known already: from query and path
 * @throws SeksError SEKS_MODEL_DENIED, SEKS_MODEL_UNPRICED if one of them may not be used
 */
export function createModelGuard(credential: GrantedCredential, known: readonly string[]): ModelGuard {
  const named: NamedModel = { model: known.at(-1) };
  const { enforced } = credential.models;
  if (enforced) for (const model of known) checkModel(model, credential, named);
  let curious = credential.pricing !== undefined && named.model === undefined;
  return {
    get model() {
      return named.model;
    },
    check(message) {
      if (enforced) checkMessage(message, credential, named);
      else if (curious) {
        curious = false;
        named.model = firstModel(message);
      }
    },
  };
}

function checkMessage({ data, binary }: Message, credential: GrantedCredential, named: NamedModel): void {
  // Sound names no model. But some servers read JSON from binary frames as well as from text.
  if (!binary || looksLikeJson(data)) {
    for (const model of modelsInMessage(data)) checkModel(model, credential, named);
  }
  if (named.model === undefined) throw new SeksError('SEKS_MODEL_MISSING');
}

function looksLikeJson(data: Buffer): boolean {
  return data.subarray(0, FIRST_BYTES).includes(OPEN_BRACE) && isUtf8(data);
}

/** of the message that sets the connection up */
function firstModel({ data, binary }: Message): string | undefined {
  if (binary) return undefined;
  try {
    return modelsInMessage(data)[0];
  } catch (cause) {
    // Not ours to judge where models do not matter.
    if (cause instanceof SeksError) return undefined;
    throw cause;
  }
}
