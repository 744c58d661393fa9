// The HTTP side of the imitated providers: finds the API by host or path, checks the key as the API would, records, answers.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { anthropic } from './anthropic.ts';
import { answerFor, applyBehaviour, behaviourOf, echoText, type Behaviour } from './behaviour.ts';
import { gemini } from './gemini.ts';
import { groq } from './groq.ts';
import { stubForHost, type HostStubDeps } from './host-stub.ts';
import { HOST_STUBS } from './host-stubs.ts';
import { openai } from './openai.ts';
import type { ApiCall, ProviderStub } from './provider-stub.ts';
import { looksFake } from './record.ts';
import { requestUrl } from './request-url.ts';
import { jsonReply, sendReply, type Reply } from './reply.ts';

/** in the order in which they are asked whether a path is theirs: the narrowest first */
const STUBS: readonly ProviderStub[] = [groq, gemini, anthropic, openai];
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** request listener of the providers' TLS port */
export function createUpstream(
  deps: HostStubDeps,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const stub = stubForHost(HOST_STUBS, request.headers.host);
    const handled = stub?.handle(request, response, deps) ?? handle(deps, request, response);
    handled.catch((error: unknown) => {
      // The client went away in the middle, or the stub has a bug: either way nothing more can be said.
      response.destroy(error instanceof Error ? error : undefined);
    });
  };
}

async function handle(deps: HostStubDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = requestUrl(request);
  const stub = STUBS.find((one) => one.owns({ path: url.pathname, headers: request.headers }));
  const credential = stub?.credential(request.headers, url.searchParams);
  const isExpectedKey =
    stub !== undefined && credential !== undefined && deps.keys.accepts(stub.name, credential);
  const body = await readBody(request);
  const call: ApiCall = {
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    body,
    json: parseObject(body, request.headers['content-type']),
    nowMs: deps.clock(),
    newId: (prefix) => prefix + randomUUID().replaceAll('-', '').slice(0, 24),
  };
  const model = stub?.model(call);
  deps.record.add({
    atMs: call.nowMs,
    provider: stub?.name,
    method: call.method,
    path: call.path,
    queryNames: [...url.searchParams.keys()],
    host: request.headers.host ?? '',
    headerNames: Object.keys(request.headers),
    credential,
    isExpectedKey,
    isFakeToken: looksFake(credential),
    model,
    bodyBytes: body.length,
  });
  await sendReply(replyTo(stub, call, credential, isExpectedKey, behaviourOf(model)), response);
}

function replyTo(
  stub: ProviderStub | undefined,
  call: ApiCall,
  credential: string | undefined,
  isExpectedKey: boolean,
  behaviour: Behaviour,
): Reply {
  if (stub === undefined) return jsonReply({ error: { message: `no such API: ${call.path}` } }, 404);
  if (credential === undefined && stub.needsNoKey?.(call) === true) {
    return stub.answer(call, { text: '', pieces: [] }) ?? stub.failure(call, 404, 'no such route');
  }
  if (!isExpectedKey || credential === undefined) return stub.unauthorized(call, credential);
  // As if the key had been revoked; some of these APIs show parts of it.
  if (behaviour.kind === 'fail' && behaviour.status === 401) return stub.unauthorized(call, credential);
  if (behaviour.kind === 'fail') return stub.failure(call, behaviour.status, 'The stub was asked to fail.');
  if (behaviour.kind === 'echo' && behaviour.place === 'error') {
    const message = `Consumer 'api_key:${echoText(behaviour, credential)}' has been suspended.`;
    return applyBehaviour(behaviour, stub.failure(call, 403, message), credential);
  }
  const answer = answerFor(behaviour, stub.name, stub.prompt(call), credential);
  const reply = stub.answer(call, answer) ?? stub.failure(call, 404, `no such route: ${call.path}`);
  return applyBehaviour(behaviour, reply, credential);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error(`body over ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseObject(body: Buffer, contentType: string | undefined): Record<string, unknown> | undefined {
  if (contentType?.startsWith('application/json') !== true) return undefined;
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
