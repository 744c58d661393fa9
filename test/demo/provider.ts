// Who answers the demo's agent: the stub providers, or the real OpenAI when the user brought a key and can reach it.
import { fingerprintForms, type Fingerprint } from '../agent/search/fingerprint.ts';
import type { ClusterAccess } from '../harness/cluster-access.ts';
import { ensureStubProvider, removeStubProviders, type StubProvider } from '../harness/stub-provider.ts';
import { mask } from '../upstream/mask.ts';
import type { ChatRequest } from '../harness/agent.ts';

export interface DemoProvider {
  readonly description: string;
  /** the keys to seal, by the name of the built-in provider */
  readonly keys: readonly { readonly provider: 'openai' | 'anthropic'; readonly key: string }[];
  /** the calls that the agent makes */
  readonly calls: readonly ChatRequest[];
  /** options of the agent's endless loop */
  readonly loop: readonly string[];
  readonly stub: StubProvider | undefined;
  /** what the user should know about what is not shown */
  readonly remark: string | undefined;
}

export const PROVIDER_NAMESPACE = 'seks-demo-provider';
/** where the end-to-end tests keep an agent between runs */
const TEST_NAMESPACE = 'seks-e2e';
const REAL_ORIGIN = 'https://api.openai.com';
const probeTimeoutMs = 5_000;
const PROMPT = 'Say hello in one short sentence.';

/** needles for a search: the keys in all usual forms */
export function keyFingerprints(provider: DemoProvider): Fingerprint[] {
  return provider.keys.flatMap(({ provider: name, key }) =>
    fingerprintForms(`${name} key`, Buffer.from(key)),
  );
}

export async function chooseProvider(
  { kubectl, context }: ClusterAccess,
  image: string,
  nowMs: number,
): Promise<DemoProvider> {
  const key = context.env['OPENAI_API_KEY'] ?? '';
  if (key !== '' && (await isReachable(REAL_ORIGIN))) {
    // Left over from a demo with the stub they would lead there.
    await removeStubProviders(kubectl);
    return realOpenai(key, context.env['OPENAI_MODEL'] ?? 'gpt-5-mini');
  }
  // A SeksProvider is for the whole cluster: agents that an earlier test run left behind would call the demo's stub, too.
  await kubectl.run(['delete', 'pods', '--all', '-n', TEST_NAMESPACE, '--timeout=60s']);
  const stub = await ensureStubProvider(kubectl, { namespace: PROVIDER_NAMESPACE, image, nowMs });
  await stub.clear();
  return stubbed(
    stub,
    key === ''
      ? 'The real OpenAI was not called: set OPENAI_API_KEY to run the same against it.'
      : `The real OpenAI was not called: ${REAL_ORIGIN} cannot be reached from here.`,
  );
}

function stubbed(stub: StubProvider, remark: string): DemoProvider {
  const sdks = [
    { language: 'node', sdk: 'openai' },
    { language: 'python', sdk: 'openai' },
    { language: 'python', sdk: 'anthropic' },
  ] as const;
  return {
    description: `stub providers at https://${stub.host} (own CA, TLS verified), which imitate OpenAI and Anthropic`,
    keys: [
      { provider: 'openai', key: stub.keys.openai },
      { provider: 'anthropic', key: stub.keys.anthropic },
    ],
    calls: sdks.flatMap((sdk) => [false, true].map((stream) => ({ ...sdk, stream, prompt: PROMPT }))),
    loop: [],
    stub,
    remark,
  };
}

function realOpenai(key: string, model: string): DemoProvider {
  return {
    description: `the real OpenAI at ${REAL_ORIGIN}, with your key ${mask(key)} and model ${model}`,
    keys: [{ provider: 'openai', key }],
    calls: (['node', 'python'] as const).flatMap((language) =>
      [false, true].map((stream) => ({ language, sdk: 'openai' as const, stream, model, prompt: PROMPT })),
    ),
    // Asking for answers without pause would cost money.
    loop: ['--call', 'models'],
    stub: undefined,
    remark: 'Only OpenAI was called. The stub providers, with Anthropic, run when OPENAI_API_KEY is not set.',
  };
}

async function isReachable(origin: string): Promise<boolean> {
  try {
    await fetch(origin, { method: 'HEAD', signal: AbortSignal.timeout(probeTimeoutMs) });
    return true;
  } catch {
    return false;
  }
}
