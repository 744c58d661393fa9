// The stages that a request goes through in the sidecar, each as a function without network: what they cost in CPU time.
import { randomBytes } from 'node:crypto';

import { makeFakeToken, resolveProvider } from '@seks/crds';

import { createAudit } from '../../../sidecar/src/audit/audit.ts';
import { findToken } from '../../../sidecar/src/credential/present.ts';
import { placeKey } from '../../../sidecar/src/credential/place.ts';
import { createTokenTable } from '../../../sidecar/src/credential/tokens.ts';
import { LeaseHolder } from '../../../sidecar/src/lease/lease-state.ts';
import { createScheduler } from '../../../sidecar/src/lease/scheduler.ts';
import { createLimitKeeper } from '../../../sidecar/src/limits/credential-limits.ts';
import { Account } from '../../../sidecar/src/listen/account.ts';
import { admit } from '../../../sidecar/src/listen/admit.ts';
import { createLedgers } from '../../../sidecar/src/listen/ledger.ts';
import { baseOrigin } from '../../../sidecar/src/listen/origin.ts';
import { createSidecarMetrics } from '../../../sidecar/src/metrics/sidecar-metrics.ts';
import { screenRequest } from '../../../sidecar/src/request/screen.ts';
import { createIssuedUrls } from '../../../sidecar/src/route/issued-urls.ts';
import { providerOf, resolveTarget } from '../../../sidecar/src/route/route.ts';
import { scrubFields } from '../../../sidecar/src/scrub/scrub-fields.ts';
import { StreamScrubber } from '../../../sidecar/src/scrub/stream-scrubber.ts';
import {
  type StaticCredential,
  staticBindings,
  staticLease,
} from '../../../sidecar/src/testing/static-lease.ts';
import { createTestLinks } from '../../../sidecar/src/testing/test-forwarder.ts';
import { createUsageObserver } from '../../../sidecar/src/usage/usage-observer.ts';
import { completion, eventChunk } from '../upstream/answers.ts';
import type { Task } from './micro-benchmark.ts';

const PORT = 15_080;
const EVENTS = 20;

/** the stages of a request of the OpenAI SDK with a JSON answer, then those that depend on its size */
export function pipelineTasks(key: string): Task[] {
  const token = makeFakeToken('sk-proj-{token}', randomBytes).reveal((bytes) => bytes.toString());
  const provider = resolveProvider('openai', () => undefined);
  const credential: StaticCredential = { provider, token, key };
  const bindings = staticBindings([credential]);
  const tokens = createTokenTable(bindings);
  const scheduler = createScheduler();
  const { limitsFor } = createLimitKeeper({ nowMs: scheduler.nowMs, wallClock: Date.now });
  const lease = staticLease([credential], createTestLinks({ addresses: {} }), limitsFor);
  const holder = new LeaseHolder(scheduler);
  holder.replace(undefined, lease);
  const entry = required(tokens.entries[0]);
  const granted = holder.granted(entry);
  const metrics = createSidecarMetrics('bench');
  const audit = createAudit({
    namespace: 'bench',
    pod: 'bench',
    wallClock: Date.now,
    sink: () => true,
    result: metrics.audited,
  });
  const ledgers = createLedgers(metrics, audit);
  const origin = baseOrigin(PORT, false);
  const raw = {
    method: 'POST',
    url: '/openai/v1/chat/completions',
    httpVersion: '1.1',
    rawHeaders: sdkHeaders(token),
  };
  const arrival = { ...raw, origin, upgrade: false };
  const screenOptions = { hosts: origin.hosts, classifier: lease.classifier };
  const admitOptions = { tokens, holder, issued: createIssuedUrls(tokens, randomBytes(32)) };
  const screened = screenRequest(raw, screenOptions);
  const presented = required(findToken(screened, tokens, lease.placements));
  const named = providerOf(screened.target, origin, tokens.providers);
  const route = {
    target: screened.target,
    origin,
    named,
    provider: granted.provider,
    upstreams: granted.upstreams,
  };
  const target = resolveTarget(route);
  const { needles } = granted.vault;
  const answerHeaders = ['OK', ...sdkAnswerHeaders()];
  const kilobyte = Buffer.from(completion('kilobyte'));
  const kilobytes64 = Buffer.from(completion('kilobytes64'));
  const events = Array.from({ length: EVENTS }, () => Buffer.from(eventChunk(0).split('\r\n')[1] ?? ''));
  const scrub = (chunks: readonly Buffer[]): void => {
    const scrubber = new StreamScrubber(needles);
    for (const chunk of chunks) scrubber.push(chunk);
    scrubber.end();
  };
  const observe = (type: string, chunks: readonly Buffer[]): void => {
    const observer = required(createUsageObserver('OpenAI', type));
    for (const chunk of chunks) observer.observe(chunk);
    observer.counts();
  };
  const usage = { counts: () => ({ input: 200, output: 180 }), model: () => 'gpt-bench' };
  return [
    { name: 'screen the request', run: () => void screenRequest(raw, screenOptions) },
    { name: 'find the token', run: () => void findToken(screened, tokens, lease.placements) },
    {
      name: 'route',
      run: () => {
        providerOf(screened.target, origin, tokens.providers);
        resolveTarget(route);
      },
    },
    {
      name: 'policy, for a path that it has seen before',
      run: () => void granted.policy.decide('POST', target.upstream.name, target.plainPath, true),
    },
    {
      name: 'all of these together (admit)',
      run: () =>
        void admit(arrival, admitOptions, { entry: undefined, credential: undefined, route: undefined }),
    },
    {
      name: 'place the key',
      run() {
        const { path, query } = target;
        const keyed = { headers: screened.headers, path, query, protocols: [] };
        placeKey(keyed, presented.place, granted.vault.key, target.shift ?? 0);
      },
    },
    {
      name: 'limits, metrics and audit of the whole request',
      run() {
        const account = new Account('POST', 'bench-1', { ledgers, nowMs: scheduler.nowMs });
        Object.assign(account.admission, { entry, credential: granted, route: '/v1/**' });
        account.enter(granted);
        account.forwarding(granted, true, () => undefined);
        const answeredMs = account.answered(200, true);
        account.usage = usage;
        account.headSent(answeredMs);
        account.finish({ status: 200, complete: true });
      },
    },
    { name: 'scrub 12 answer headers', run: () => void scrubFields(answerHeaders, needles) },
    { name: 'scrub 1 KB', run: () => scrub([kilobyte]) },
    { name: 'scrub 64 KB', run: () => scrub([kilobytes64]) },
    { name: `scrub ${EVENTS} events`, run: () => scrub(events) },
    { name: 'read usage from 1 KB of JSON', run: () => observe('application/json', [kilobyte]) },
    { name: 'read usage from 64 KB of JSON', run: () => observe('application/json', [kilobytes64]) },
    { name: `read usage from ${EVENTS} events`, run: () => observe('text/event-stream', events) },
  ];
}

function sdkHeaders(token: string): string[] {
  return Object.entries({
    Host: `127.0.0.1:${PORT}`,
    Connection: 'keep-alive',
    Accept: 'application/json',
    'Content-Type': 'application/json',
    'User-Agent': 'OpenAI/JS 7.57.0',
    'X-Stainless-Lang': 'js',
    'X-Stainless-Package-Version': '7.57.0',
    'X-Stainless-OS': 'Linux',
    'X-Stainless-Arch': 'x64',
    'X-Stainless-Runtime': 'node',
    'X-Stainless-Runtime-Version': 'v24.21.0',
    'X-Stainless-Retry-Count': '0',
    Authorization: `Bearer ${token}`,
    'Accept-Encoding': 'gzip, deflate',
    'Content-Length': '1024',
  }).flat();
}

function sdkAnswerHeaders(): string[] {
  return Object.entries({
    date: 'Mon, 01 Jan 2024 00:00:00 GMT',
    'content-type': 'application/json',
    'content-length': '1024',
    'openai-organization': 'bench',
    'openai-processing-ms': '412',
    'openai-version': '2020-10-01',
    'x-ratelimit-limit-requests': '10000',
    'x-ratelimit-limit-tokens': '2000000',
    'x-ratelimit-remaining-requests': '9999',
    'x-ratelimit-remaining-tokens': '1999700',
    'x-request-id': 'req_0123456789abcdef0123456789abcdef',
    'strict-transport-security': 'max-age=31536000',
  }).flat();
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the pipeline of the bench is not set up as the sidecar expects');
  return value;
}
