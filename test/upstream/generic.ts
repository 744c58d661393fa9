// One stub for all the simple APIs, with one key for all: each takes it in its own place and nowhere else.
import { errorReply, type MakeReply } from './generic-answers.ts';
import { SIMPLE_APIS, type KeyPlace, type SimpleApi } from './generic-apis.ts';
import { stubForHost, type HostStub } from './host-stub.ts';
import { single } from './provider-stub.ts';
import { restStub, type CallHead } from './rest-call.ts';

export function createGenericStub(): HostStub {
  const stubs = SIMPLE_APIS.map(simpleStub);
  return {
    name: 'generic',
    hosts: stubs.flatMap((stub) => stub.hosts),
    async handle(request, response, deps) {
      await stubForHost(stubs, request.headers.host)?.handle(request, response, deps);
    },
  };
}

function simpleStub(api: SimpleApi): HostStub {
  return restStub({
    name: 'generic',
    hosts: api.hosts,
    credential: (head) => keyAt(api.key, head),
    answer(call) {
      if (!call.accepted) return errorReply(401, 'Invalid API key.', 'invalid_api_key');
      return routeOf(api, call)?.(call) ?? errorReply(404, `No such route: ${call.method} ${call.path}`);
    },
  });
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
