// The demo as a story: an agent uses a key that it never has. Each step does something on a real cluster, checks that
// it is as told, and says what was seen; the first that is not ends the demo with an error.
import { fingerprint } from '../agent/search/fingerprint.ts';
import { ambientContext, up } from '../cluster/cluster.ts';
import { StepFailed } from '../cluster/failures.ts';
import {
  chat,
  environmentOf,
  readyAgent,
  searchContainer,
  sidecarMetrics,
  type ChatRequest,
} from '../harness/agent.ts';
import { keptCluster, type ClusterAccess } from '../harness/cluster-access.ts';
import { ensureImages, type TestImages } from '../harness/images.ts';
import { ensureInstalled, SYSTEM_NAMESPACE } from '../harness/install.ts';
import type { Target } from '../harness/kubectl.ts';
import { agentDeployment, credential, optedInNamespace, seksBinding } from '../harness/objects.ts';
import { sealSecret } from '../harness/sealing.ts';
import { measureSuspend } from '../harness/suspend.ts';
import { mask } from '../upstream/mask.ts';
import { chooseProvider, keyFingerprints, type DemoProvider } from './provider.ts';
import { expectThat, type Story } from './story.ts';

export const NAMESPACE = 'seks-demo';
const AGENT = 'research';
const SECRET = 'alice-keys';
const SUSPEND_LIMIT_MS = 1_000;

export async function runDemo(story: Story): Promise<void> {
  const access = await story.step('A Kubernetes cluster', () => findCluster(story));
  const images = await story.step('SEKS, installed with its Helm chart', () => install(story, access));
  const provider = await story.step('Somebody to call', () => findProvider(story, access, images));
  await story.step('Alice seals her keys', () => sealKeys(story, access, provider));
  const agent = await story.step('A binding and an agent', () => startAgent(story, access, images, provider));
  const tokens = await story.step('What the agent has', () =>
    showEnvironment(story, access, agent, provider),
  );
  await story.step('What the agent can do', () => callProviders(story, access, agent, provider));
  await story.step('What the provider saw', () => showProvider(story, provider));
  await story.step('A search of the whole agent, as root', () =>
    search(story, access, agent, provider, tokens),
  );
  await story.step('What the operator sees', () => showMetrics(story, access, agent));
  await story.step('Alice changes her mind', () => suspend(story, access, agent, provider));
  story.say('');
  if (provider.remark !== undefined) story.say(provider.remark);
  story.say(`Look around: kubectl -n ${NAMESPACE} get seksbindings,pods; remove it all with: make demo-down`);
}

async function findCluster(story: Story): Promise<ClusterAccess> {
  const context = ambientContext();
  const kubeconfig = await up({}, context);
  const access = await keptCluster(context);
  if (access === undefined) throw new StepFailed('the cluster came up and went away again');
  const version = JSON.parse(await access.kubectl.raw('/version')) as { gitVersion: string };
  story.fact('API server', `Kubernetes ${version.gitVersion}`);
  story.code(`export KUBECONFIG=${kubeconfig}`);
  return access;
}

async function install(story: Story, access: ClusterAccess): Promise<TestImages> {
  const images = await ensureImages(access.kubectl, access.context);
  await ensureInstalled(access, images);
  story.fact('namespace', SYSTEM_NAMESPACE);
  story.fact('images', `${images.operator}, ${images.sidecar}`);
  story.shown('operator and key service are ready, the webhook is trusted by the API server');
  return images;
}

async function findProvider(story: Story, access: ClusterAccess, images: TestImages): Promise<DemoProvider> {
  const provider = await chooseProvider(access, images.upstream, Date.now());
  story.say(provider.description);
  for (const { provider: name, key } of provider.keys) story.fact(`${name} accepts only`, mask(key));
  return provider;
}

async function sealKeys(story: Story, access: ClusterAccess, provider: DemoProvider): Promise<void> {
  const { kubectl } = access;
  await kubectl.apply(optedInNamespace(NAMESPACE));
  await removeAgent(access);
  for (const { provider: name, key } of provider.keys) {
    story.code(
      `kubectl seks seal --provider ${name} -n ${NAMESPACE} --name ${SECRET}-${name} --key ${name} | kubectl apply -f -`,
    );
    const secret = await sealSecret(kubectl, {
      provider: name,
      namespace: NAMESPACE,
      secret: `${SECRET}-${name}`,
      key: name,
      plaintext: key,
    });
    expectThat(!holds(secret, key), 'the sealed Secret holds the key');
    await kubectl.apply(secret);
  }
  story.shown(
    'the cluster now has ciphertext; nothing in it can open it but the key service and a sidecar together',
  );
}

async function startAgent(
  story: Story,
  { kubectl }: ClusterAccess,
  images: TestImages,
  provider: DemoProvider,
): Promise<Target> {
  const credentials = provider.keys.map(({ provider: name }) => credential(name, `${SECRET}-${name}`, name));
  await kubectl.apply(
    seksBinding({ name: AGENT, namespace: NAMESPACE, app: AGENT, credentials }),
    agentDeployment({
      name: AGENT,
      namespace: NAMESPACE,
      image: images.agent,
      command: ['node', 'loop.mjs', ...provider.loop],
    }),
  );
  const agent = await readyAgent(kubectl, NAMESPACE, AGENT, 120_000);
  story.fact('pod', `${agent.pod}: the agent as its author built it, and the injected container seks-proxy`);
  await kubectl.waitFor(
    { kind: 'seksbinding', name: AGENT, namespace: NAMESPACE },
    'to be Ready',
    ({ status }) =>
      status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
  );
  story.shown(`SeksBinding ${AGENT} is Ready: the sidecar has opened the keys in its own memory`);
  return agent;
}

/** returns the fake tokens */
async function showEnvironment(
  story: Story,
  { kubectl }: ClusterAccess,
  agent: Target,
  provider: DemoProvider,
): Promise<string[]> {
  const environment = await environmentOf(kubectl, agent);
  const shown = Object.entries(environment).filter(([name]) => /^(OPENAI|ANTHROPIC)_/.test(name));
  for (const [name, value] of shown.toSorted(([a], [b]) => a.localeCompare(b))) story.fact(name, value);
  const tokens = provider.keys.map(
    ({ provider: name }) => environment[`${name.toUpperCase()}_API_KEY`] ?? '',
  );
  expectThat(
    tokens.every((token) => token.includes('seks')),
    'the agent has no fake token in its environment',
  );
  expectThat(
    provider.keys.every(({ key }) => !holds(environment, key)),
    'the agent’s environment has a real key',
  );
  story.shown('the tokens are fake: random, made for this pod, and worthless anywhere else');
  return tokens;
}

async function callProviders(
  story: Story,
  { kubectl }: ClusterAccess,
  agent: Target,
  provider: DemoProvider,
): Promise<void> {
  for (const call of provider.calls) {
    const { text, chunks, error } = await chat(kubectl, agent, call);
    expectThat(error === undefined, `${describe(call)} failed: ${error?.message ?? ''}`);
    expectThat(text !== undefined && text !== '', `${describe(call)} gave no answer`);
    story.fact(
      describe(call),
      `${JSON.stringify(text)}${chunks === undefined ? '' : ` in ${chunks} events`}`,
    );
  }
  story.shown('unmodified SDKs, configured by their environment variables alone');
}

async function showProvider(story: Story, { stub, calls }: DemoProvider): Promise<void> {
  if (stub === undefined) {
    story.say('OpenAI does not tell. But it answered, and the agent has no key that it would accept.');
    return;
  }
  for (const name of ['openai', 'anthropic'] as const) {
    const seen = (await stub.requests()).filter(({ provider }) => provider === name);
    const used = [...new Set(seen.map((request) => request.credential))];
    story.fact(name, `${seen.length} requests, all with ${used.join(', ')}`);
    expectThat(used.length === 1 && used[0] === mask(stub.keys[name]), `${name} saw ${used.join(', ')}`);
  }
  const summary = await stub.summary();
  expectThat(summary.total >= calls.length, 'the provider saw fewer requests than the agent made');
  expectThat(
    summary.expectedKey === summary.total,
    `the provider saw other credentials: ${JSON.stringify(summary)}`,
  );
  story.shown('the real keys: the sidecar put them in on the way out. No fake token ever left the pod');
}

async function search(
  story: Story,
  { kubectl }: ClusterAccess,
  agent: Target,
  provider: DemoProvider,
  tokens: readonly string[],
): Promise<void> {
  const tokenNames = tokens.map((token) => fingerprint('fake token', Buffer.from(token)));
  const report = await searchContainer(kubectl, agent, [...keyFingerprints(provider), ...tokenNames]);
  const { files, processes } = report;
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  story.fact('as user', String(report.userId));
  story.fact(
    'files',
    `${files.files} with ${megabytes(files.bytes)}, ${files.unreadable.length} not readable`,
  );
  story.fact('processes', `${processes.searched.length}: ${megabytes(processes.memoryBytes)} of memory`);
  story.fact('/proc', `${processes.procFiles} files, such as environments and command lines`);
  story.fact(
    'looked for',
    `${report.needles} forms of the keys (plain, base64, hex, …), API tokens, and the fake tokens`,
  );
  const found = report.hits.filter(({ needle }) => needle !== 'fake token');
  const fake = report.hits.filter(({ needle }) => needle === 'fake token');
  expectThat(report.userId === 0, 'the search did not run as root');
  expectThat(processes.memoryBytes > 0 && files.files > 1_000, 'the search covered next to nothing');
  expectThat(fake.length > 0, 'the search did not find even the fake token, so it proves nothing');
  expectThat(found.length === 0, `found: ${JSON.stringify(found)}`);
  story.fact('found', `fake tokens in ${fake.length} places, real keys in 0, Kubernetes API tokens in 0`);
  story.shown(`searched in ${(report.durationMs / 1000).toFixed(1)} s: the agent does not have the key`);
}

async function showMetrics(story: Story, { kubectl }: ClusterAccess, agent: Target): Promise<void> {
  const metrics = await sidecarMetrics(kubectl, agent);
  const lines = metrics.split('\n').filter((line) => /^seks_(requests|tokens)_total\{.*\} [1-9]/.test(line));
  expectThat(
    lines.some((line) => line.startsWith('seks_requests_total') && line.includes(`agent="${AGENT}"`)),
    'the sidecar counted no request of the agent',
  );
  for (const line of lines) story.code(line);
  story.shown('who used which credential, how often and for how many tokens; no key, no prompt');
}

async function suspend(
  story: Story,
  { kubectl }: ClusterAccess,
  agent: Target,
  provider: DemoProvider,
): Promise<void> {
  story.code(
    `kubectl -n ${NAMESPACE} patch seksbinding ${AGENT} --type=merge -p '{"spec":{"suspend":true}}'`,
  );
  const seen = await measureSuspend(kubectl, agent, AGENT, provider.loop);
  const { error } = await chat(kubectl, agent, provider.calls[0] as ChatRequest);
  story.fact('the SDK now throws', `${error?.status}: ${error?.message}`);
  expectThat(error?.status === 403, 'the agent still gets answers');
  expectThat(seen.code === 'SEKS_BINDING_SUSPENDED', `refused for another reason: ${seen.code}`);
  expectThat(
    seen.answeredAfterwards === 0,
    `${seen.answeredAfterwards} requests were answered after the first 403`,
  );
  expectThat(
    seen.afterPatchMs <= SUSPEND_LIMIT_MS,
    `the first 403 came ${seen.afterPatchMs} ms after kubectl patch returned`,
  );
  const afterPatch = seen.afterPatchMs === 0 ? 'before' : `${seen.afterPatchMs} ms after`;
  story.fact(
    'first 403',
    `${afterPatch} kubectl patch returned, ${seen.afterPatchStartMs} ms after it was started`,
  );
  story.shown('the running agent is stopped at once; suspend: false lets it go on, without a restart');
}

/** what an earlier run left, so that the story begins anew */
async function removeAgent({ kubectl }: ClusterAccess): Promise<void> {
  await kubectl.run(
    ['delete', 'deployment,seksbinding,secret', '--all', '-n', NAMESPACE, '--wait', '--cascade=foreground'],
    { timeoutMs: 90_000 },
  );
}

function describe({ language, sdk, stream }: ChatRequest): string {
  return `${language === 'node' ? 'npm' : 'Python'} ${sdk}, ${stream === true ? 'stream' : 'chat'}`;
}

function holds(value: unknown, key: string): boolean {
  return JSON.stringify(value).includes(key);
}
