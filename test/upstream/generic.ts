// One stub for all the simple APIs, most of them with one key: each takes it in its own place and nowhere else.
import type { MakeReply } from './generic-answers.ts';
import { SIMPLE_APIS, type KeyPlace, type SimpleApi } from './generic-apis.ts';
import { failure, refusal } from './generic-errors.ts';
import { takeScribe } from './generic-scribe.ts';
import { stubForHost, type HostStub } from './host-stub.ts';
import { single } from './provider-stub.ts';
import { restStub, type CallHead, type RestCall } from './rest-call.ts';

export function createGenericStub(): HostStub {
  const stubs = SIMPLE_APIS.map(simpleStub);
  return {
    name: 'generic',
    hosts: stubs.flatMap((stub) => stub.hosts),
    async handle(request, response, deps) {
      await stubForHost(stubs, request.headers.host)?.handle(request, response, deps);
    },
    // Only one of these APIs has a WebSocket that its SDK uses.
    upgrade: takeScribe,
  };
}

function simpleStub(api: SimpleApi): HostStub {
  return restStub({
    name: api.keyOf ?? 'generic',
    hosts: api.hosts,
    credential: (head) => keyAt(api.key, head),
    answer(call) {
      const status = call.accepted ? askedFailure(call) : (api.error.keyStatus ?? 401);
      if (status !== undefined) return refusal(api.error, status);
      const reply = routeOf(api, call)?.(call);
      return reply ?? failure(api.error, 404, `No such route: ${call.method} ${call.path}`);
    },
  });
}

/** `fail.<status>` anywhere in a request: not each of these APIs has a model */
function askedFailure({ path, query, body }: RestCall): number | undefined {
  const digits = /fail\.(\d{3})/.exec(`${path} ${query.toString()} ${body.toString()}`)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function keyAt({ header, scheme }: KeyPlace, { headers }: CallHead): string | undefined {
  const value = single(headers[header]);
  if (scheme === undefined || value === undefined) return value;
  return value.toLowerCase().startsWith(`${scheme.toLowerCase()} `)
    ? value.slice(scheme.length + 1)
    : undefined;
}

function routeOf({ routes }: SimpleApi, { method, path }: CallHead): MakeReply | undefined {
  const given = path.split('/');
  const found = Object.entries(routes).find(([route]) => {
    const [wantedMethod = '', wantedPath = ''] = route.split(' ');
    const wanted = wantedPath.split('/');
    return (
      wantedMethod === method &&
      wanted.length === given.length &&
      wanted.every((segment, index) => (segment === '*' ? given[index] !== '' : segment === given[index]))
    );
  });
  return found?.[1];
}
