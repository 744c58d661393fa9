// The main job: unmodified SDKs, configured by the injected environment alone, get answers; the provider sees the real key.
import { beforeAll, expect, test } from '@jest/globals';
import { chat, type ChatRequest } from '../harness/agent.ts';
import type { Target } from '../harness/kubectl.ts';
import { everydayAgent } from '../harness/scenario.ts';
import { clusterSuite } from '../harness/suite.ts';
import { mask } from '../upstream/mask.ts';

const NODE = ['openai', 'anthropic', 'gemini', 'groq'] as const;
const PYTHON = ['openai', 'anthropic'] as const;

clusterSuite('agents use keys through unmodified SDKs', (suite) => {
  let agent: Target;
  beforeAll(async () => {
    agent = await everydayAgent(suite());
  });

  /** the request's answer, and that the provider saw exactly the real key for it */
  async function ask(request: ChatRequest): Promise<string> {
    const { kubectl, stub } = suite();
    const before = await stub.latestId();
    const { text, error } = await chat(kubectl, agent, { prompt: `question ${before}`, ...request });
    expect(error).toBeUndefined();
    const model = (await stub.requests(before)).filter(({ provider }) => provider === request.sdk);
    expect(model.length).toBeGreaterThan(0);
    for (const seen of model) {
      expect(seen).toMatchObject({ isExpectedKey: true, credential: mask(stub.keys[request.sdk]) });
    }
    return text ?? '';
  }

  const sdks = [
    ...NODE.map((sdk) => ['node', sdk] as const),
    ...PYTHON.map((sdk) => ['python', sdk] as const),
  ];
  test.each(sdks)('%s %s: chat', async (language, sdk) => {
    expect(await ask({ language, sdk })).toMatch(new RegExp(`^The ${sdk} stub heard: question \\d+$`));
  });

  test.each(sdks)('%s %s: streaming', async (language, sdk) => {
    expect(await ask({ language, sdk, stream: true })).toMatch(
      new RegExp(`^The ${sdk} stub heard: question \\d+$`),
    );
  });

  test.each([
    ['responses', 'hello', 'The openai stub heard: hello'],
    ['embeddings', 'four', '0.04 0.05 0.06 0.07 0.08 0.09 0.10 0.11'],
    ['files', 'content of a file', 'notes.txt 17'],
    ['models', '', 'gpt-5-mini text-embedding-3-small'],
  ] as const)('node openai: %s', async (call, prompt, answer) => {
    expect(await ask({ language: 'node', sdk: 'openai', call, prompt })).toBe(answer);
  });

  test('node openai: a stream of the responses API', async () => {
    const request = {
      language: 'node',
      sdk: 'openai',
      call: 'responses',
      stream: true,
      prompt: 'hi',
    } as const;
    expect(await ask(request)).toBe('The openai stub heard: hi');
  });
});
