// S10 on a real kubelet: a provider that sends the key back, wherever and however, does not get it into the agent.
import { beforeAll, describe, expect, test } from '@jest/globals';
import { fingerprintForms } from '../agent/search/fingerprint.ts';
import { createScanner } from '../agent/search/scanner.ts';
import { chat, sidecarMetrics } from '../harness/agent.ts';
import type { Target } from '../harness/kubectl.ts';
import { metricSum } from '../harness/metrics.ts';
import { everydayAgent } from '../harness/scenario.ts';
import { clusterSuite } from '../harness/suite.ts';

clusterSuite('a provider that echoes the key', (suite) => {
  let agent: Target;
  beforeAll(async () => {
    agent = await everydayAgent(suite());
  });

  /** everything that comes back, with framing: status line, headers, chunks and trailers as bytes */
  async function raw(body: object): Promise<string> {
    const command = [
      'curl -sS -i --raw -H "authorization: Bearer $OPENAI_API_KEY" -H "content-type: application/json" -H "te: trailers"',
      '--data-binary @- "$OPENAI_BASE_URL/chat/completions"',
    ].join(' ');
    const { stdout, stderr, code } = await suite().kubectl.exec(agent, ['sh', '-c', command], {
      input: JSON.stringify({ messages: [{ role: 'user', content: 'echo' }], ...body }),
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  }

  /** the forms of the key in the answer, also with the chunk borders taken out */
  function formsFound(answer: string): string[] {
    const scanner = createScanner(fingerprintForms('key', Buffer.from(suite().stub.keys.openai)));
    for (const text of [answer, answer.replaceAll(/\r\n[0-9a-f]+\r\n/g, '')]) {
      const pieces = [Buffer.from(text)];
      scanner.scan('answer', (buffer) => pieces.shift()?.copy(buffer) ?? 0);
    }
    return scanner.hits().map(({ needle }) => needle);
  }

  const forms = ['plain', 'base64', 'base64url', 'hex', 'basic'];

  describe.each([
    ['a JSON answer', 'echo-key', false],
    ['an event stream', 'echo-key', true],
    ['an error', 'echo-key.error', false],
  ] as const)('in %s', (_place, model, stream) => {
    test.each(forms)('S10: as %s', async (form) => {
      const answer = await raw({ model: `${model}.${form}`, stream });
      expect(formsFound(answer)).toEqual([]);
      expect(answer).toContain('*'.repeat(20));
    });
  });

  test.each(['header', 'trailer', 'status'])('S10: in a %s', async (place) => {
    const answer = await raw({ model: `echo-key.${place}` });
    expect(answer).toMatch(/^HTTP\/1\.1 200/);
    expect(formsFound(answer)).toEqual([]);
  });

  test('S10: cut in two, after any byte', async () => {
    const { length } = suite().stub.keys.openai;
    const cuts = [1, 2, 7, 8, 15, 16, 31, 32, length - 2, length - 1];
    for (const cut of cuts) {
      const answer = await raw({ model: `echo-key.${cut}`, stream: true });
      expect({ cut, found: formsFound(answer) }).toEqual({ cut, found: [] });
    }
  });

  test('S10: Gemini’s error for a suspended consumer, which repeats the key in three fields', async () => {
    const request = { language: 'node', sdk: 'gemini', model: 'echo-key.error', retries: 0 } as const;
    const { error } = await chat(suite().kubectl, agent, request);
    expect(error?.status).toBe(403);
    const text = JSON.stringify(error);
    expect(text).not.toContain(suite().stub.keys.gemini);
    const masked = '*'.repeat(suite().stub.keys.gemini.length);
    expect(text.split(masked).length - 1).toBeGreaterThanOrEqual(3);
  });

  test('S10: it is counted', async () => {
    const before = metricSum(await sidecarMetrics(suite().kubectl, agent), 'seks_leak_scrubbed_total');
    await raw({ model: 'echo-key' });
    expect(
      metricSum(await sidecarMetrics(suite().kubectl, agent), 'seks_leak_scrubbed_total'),
    ).toBeGreaterThan(before);
  });
});
