// A stub that answers plain requests of one API by host name: reads the body, checks the key, records, answers.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { answerFor, applyBehaviour, behaviourOf } from './behaviour.ts';
import { jsonObject, readCall, recordCall } from './host-call.ts';
import type { HostStub, HostStubDeps } from './host-stub.ts';
import type { ApiCall, ProviderName } from './provider-stub.ts';
import { sendReply, type Reply } from './reply.ts';

/** what decides where the credential is looked for */
export interface CallHead {
  readonly method: string;
  /** without port, in lower case */
  readonly host: string;
  /** path without query */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
}

export interface RestCall extends ApiCall, CallHead {
  readonly credential: string | undefined;
  /** the credential is the API's key */
  readonly accepted: boolean;
}

export interface RestApi {
  readonly name: ProviderName;
  /** as in HostStub */
  readonly hosts: readonly string[];
  /** the credential where this API looks for it, without its scheme */
  credential(head: CallHead): string | undefined;
  answer(call: RestCall): Reply;
}

export function restStub(api: RestApi): HostStub {
  return {
    name: api.name,
    hosts: api.hosts,
    async handle(request, response, deps) {
      await sendReply(api.answer(await checkedCall(api, request, deps)), response);
    },
  };
}

/** what an API repeats of a text that it was given: the key, where the text is `echo-key…` of behaviour.ts, else `plainly` */
export function heard(call: RestCall, text: string | undefined, plainly: string): string {
  const behaviour = behaviourOf(text);
  if (behaviour.kind !== 'echo' || call.credential === undefined) return plainly;
  return answerFor(behaviour, call.host, plainly, call.credential).text;
}

/** the reply with the key in its header, trailer or status, or cut, if the text is an `echo-key…` that asks for it */
export function withEcho(call: RestCall, text: string | undefined, reply: Reply): Reply {
  return call.credential === undefined ? reply : applyBehaviour(behaviourOf(text), reply, call.credential);
}

async function checkedCall(api: RestApi, request: IncomingMessage, deps: HostStubDeps): Promise<RestCall> {
  const call = await readCall(request);
  const head = {
    method: call.method,
    host: call.host,
    path: call.url.pathname,
    query: call.url.searchParams,
    headers: request.headers,
  };
  const credential = api.credential(head);
  const accepted = credential !== undefined && deps.keys.accepts(api.name, credential);
  recordCall(deps, api.name, call, { credential, isExpectedKey: accepted });
  const isJson = request.headers['content-type']?.startsWith('application/json') === true;
  return {
    ...head,
    credential,
    accepted,
    body: call.body,
    json: isJson ? jsonObject(call.body) : undefined,
    nowMs: deps.clock(),
    newId: (prefix) => prefix + randomUUID().replaceAll('-', '').slice(0, 24),
  };
}
