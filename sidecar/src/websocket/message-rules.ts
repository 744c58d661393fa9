// What the agent's messages on one WebSocket have to keep to, besides the protocol: budgets and models, and the route again when a new
// lease comes, which may allow less than the one under which the connection began.
import { isDeepStrictEqual } from 'node:util';

import { SeksError } from '@seks/crds';

import { credentialKey, type TokenEntry } from '../credential/tokens.ts';
import type { GrantedCredential } from '../lease/granted-credential.ts';
import type { LeaseHolder, LeaseState } from '../lease/lease-state.ts';
import { type Admission, type AdmittedRequest, checkRoute } from '../listen/admit.ts';
import { checkPathModel, type NamedModel } from '../listen/body-check.ts';
import type { Message } from './message.ts';
import { createModelGuard, type ModelGuard } from './model-guard.ts';

/** the second is Azure's */
const MODEL_PARAMETERS = new Set(['model', 'deployment']);

export interface MessageRulesOptions {
  admitted: AdmittedRequest;
  /** whose token it is, and what that may do */
  entry: TokenEntry;
  credential: GrantedCredential;
  /** is told the route */
  admission: Pick<Admission, 'route'>;
  holder: Pick<LeaseHolder, 'state'>;
}

/** the rules in force on one connection */
export class MessageRules {
  readonly #options: MessageRulesOptions;
  readonly #key: string;
  #lease: LeaseState | undefined;
  #credential: GrantedCredential;
  #models: ModelGuard;

  /** @throws SeksError SEKS_MODEL_* if the handshake names a model that may not be used */
  constructor(options: MessageRulesOptions) {
    const { admitted, entry, credential, holder } = options;
    this.#options = options;
    this.#key = credentialKey(entry);
    this.#lease = holder.state;
    this.#credential = credential;
    this.#models = createModelGuard(credential, modelsOfHandshake({ ...admitted, credential }));
  }

  /** the model that was named last */
  get model(): string | undefined {
    return this.#models.model;
  }

  /** @throws SeksError SEKS_LIMIT_*, SEKS_MODEL_*, SEKS_BODY_MALFORMED, SEKS_ROUTE_DENIED */
  check(message: Message): void {
    this.#followLease();
    this.#credential.limits.checkBudgets();
    this.#models.check(message);
  }

  #followLease(): void {
    const { admitted, admission, holder } = this.#options;
    const { state } = holder;
    if (state === this.#lease) return;
    this.#lease = state;
    const renewed = state?.credentials.get(this.#key);
    // Where it is refused now, whoever holds the lease has cut what must not go on.
    if (renewed === undefined || renewed instanceof SeksError) return;
    checkRoute({ ...admitted, credential: renewed }, 'GET', admission);
    const known = modelsOfHandshake({ ...admitted, credential: renewed });
    this.#models = createModelGuard(renewed, known, this.#models.model);
    this.#credential = renewed;
  }
}

/** @throws SeksError SEKS_MODEL_MISSING if readers differ on which models the query names */
function modelsOfHandshake(admitted: AdmittedRequest): string[] {
  const named: NamedModel = { model: undefined };
  checkPathModel(admitted, named);
  const { query } = admitted.target;
  const models = modelsInQuery(query);
  // Some servers split at `;` as well (the old W3C recommendation).
  const others = query.includes(';') ? modelsInQuery(query.replaceAll(';', '&')) : models;
  if (admitted.credential.models.enforced && !isDeepStrictEqual(models, others))
    throw new SeksError('SEKS_MODEL_MISSING');
  return named.model === undefined ? models : [...models, named.model];
}

function modelsInQuery(query: string): string[] {
  const models: string[] = [];
  for (const [name, value] of new URLSearchParams(query)) {
    if (MODEL_PARAMETERS.has(name.toLowerCase())) models.push(value);
  }
  return models;
}
