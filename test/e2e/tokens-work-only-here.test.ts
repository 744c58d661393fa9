// S4 and S5 on a real kubelet: a fake token is good for its own pod and its own provider, and for nothing else.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { chat, environmentOf, sidecarMetrics } from '../harness/agent.ts';
import type { Target } from '../harness/kubectl.ts';
import { metricSum } from '../harness/metrics.ts';
import { everydayAgent, removeAgent, startAgent } from '../harness/scenario.ts';
import { clusterSuite } from '../harness/suite.ts';

clusterSuite('fake tokens work only in their own pod', (suite) => {
  let alice: Target;
  let bob: Target;
  let tokens: Record<string, string>;
  beforeAll(async () => {
    alice = await everydayAgent(suite());
    bob = await startAgent(suite(), { app: 'bob' });
    tokens = await environmentOf(suite().kubectl, alice);
  });
  afterAll(() => removeAgent(suite(), 'bob'));

  const token = (name: string): string => tokens[name] ?? 'none';
  const refused = { language: 'node', retries: 0 } as const;

  test('S4: the token of one pod is refused in another, and counted as a leak', async () => {
    const { kubectl, stub } = suite();
    const before = await stub.latestId();
    const counted = metricSum(await sidecarMetrics(kubectl, bob), 'seks_foreign_token_total');
    const env = { OPENAI_API_KEY: token('OPENAI_API_KEY') };
    const { error } = await chat(kubectl, bob, { ...refused, sdk: 'openai', env });
    expect(error).toMatchObject({ status: 403, code: 'SEKS_TOKEN_FOREIGN' });
    expect(metricSum(await sidecarMetrics(kubectl, bob), 'seks_foreign_token_total')).toBe(counted + 1);
    expect((await stub.requests(before)).filter(({ isExpectedKey }) => !isExpectedKey)).toEqual([]);
    // Bob's own still works.
    expect((await chat(kubectl, bob, { language: 'node', sdk: 'openai' })).error).toBeUndefined();
  });

  test('S4: an OpenAI token is refused on the Anthropic route of the same pod', async () => {
    const env = { ANTHROPIC_API_KEY: token('OPENAI_API_KEY') };
    const { error } = await chat(suite().kubectl, alice, { ...refused, sdk: 'anthropic', env });
    expect(error?.status).toBe(403);
    expect(JSON.stringify(error)).toContain('SEKS_TOKEN_WRONG_PROVIDER');
  });

  test('S4: the real provider refuses a fake token that was carried out', async () => {
    const { kubectl, stub } = suite();
    const url = `https://${stub.host}/v1/chat/completions`;
    const request = `-H "authorization: Bearer $OPENAI_API_KEY" -H 'content-type: application/json' -d '{"model":"m","messages":[]}'`;
    const { stdout } = await kubectl.exec(alice, [
      'sh',
      '-c',
      `curl -sk -w '\\n%{http_code}' ${request} ${url}`,
    ]);
    expect(stdout).toMatch(/\n401$/);
    // This one went past the sidecar on purpose; other tests count what the provider sees.
    await stub.clear();
  });

  test('S5: a key of the agent’s own is not forwarded', async () => {
    const { kubectl, stub } = suite();
    const before = await stub.latestId();
    const env = { OPENAI_API_KEY: 'sk-proj-a-key-that-the-agent-brought-along' };
    const { error } = await chat(kubectl, bob, { ...refused, sdk: 'openai', env });
    expect(error).toMatchObject({ status: 401, code: 'SEKS_TOKEN_UNKNOWN' });
    expect((await stub.requests(before)).filter(({ isExpectedKey }) => !isExpectedKey)).toEqual([]);
  });

  test('S13: a route that mints keys is denied although the token is right', async () => {
    const { kubectl } = suite();
    const url = '$OPENAI_BASE_URL/organization/admin_api_keys';
    const script = `curl -s -w '\\n%{http_code}' -H "authorization: Bearer $OPENAI_API_KEY" ${url}`;
    const { stdout } = await kubectl.exec(alice, ['sh', '-c', script]);
    expect(stdout).toContain('SEKS_ROUTE_DENIED');
    expect(stdout).toMatch(/\n403$/);
  });
});
