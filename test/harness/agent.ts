// What tests do inside of an agent's container.
import type { Fingerprint } from '../agent/search/fingerprint.ts';
import type { SearchReport } from '../agent/search/report.ts';
import { StepFailed } from '../cluster/failures.ts';
import { isReady, type Follower, type Kubectl, type Pod, type Target } from './kubectl.ts';
import { AGENT_CONTAINER } from './objects.ts';

export interface ChatRequest {
  readonly language: 'node' | 'python';
  readonly sdk: 'openai' | 'anthropic' | 'gemini' | 'groq';
  readonly stream?: boolean;
  readonly call?: 'chat' | 'responses' | 'embeddings' | 'files' | 'models';
  readonly model?: string;
  readonly prompt?: string;
  /** the SDK's own number of retries when omitted */
  readonly retries?: number;
  /** set before the SDK reads the environment, to act as a thief of another's token would */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ChatResult {
  readonly text?: string;
  readonly chunks?: number;
  readonly error?: {
    readonly name: string;
    readonly message: string;
    readonly status: number | null;
    readonly code?: string | null;
    readonly body?: unknown;
  };
}

/** one call through a vendor's SDK; an error that the SDK threw is an answer */
export async function chat(kubectl: Kubectl, target: Target, request: ChatRequest): Promise<ChatResult> {
  const program = request.language === 'node' ? ['node', 'chat.mjs'] : ['python3', 'chat.py'];
  const variables = Object.entries(request.env ?? {}).map(([name, value]) => `${name}=${value}`);
  const result = await kubectl.exec(target, [
    ...(variables.length === 0 ? [] : ['env', ...variables]),
    ...program,
    request.sdk,
    ...(request.stream === true ? ['--stream'] : []),
    ...(request.call === undefined ? [] : ['--call', request.call]),
    ...(request.model === undefined ? [] : ['--model', request.model]),
    ...(request.prompt === undefined ? [] : ['--prompt', request.prompt]),
    ...(request.retries === undefined ? [] : ['--retries', String(request.retries)]),
  ]);
  return lastLine(result.stdout, result.stderr) as ChatResult;
}

export interface LoopResult {
  /** in ms since 1970, by the node's clock */
  readonly begin: number;
  readonly end: number;
  /** 0: no connection */
  readonly status: number;
  readonly code?: string;
}

/** requests without end, until stopped; each result is handed over as it comes */
export function followLoop(
  kubectl: Kubectl,
  target: Target,
  options: readonly string[],
  onResult: (result: LoopResult) => void,
): Follower {
  const { namespace, pod, container } = target;
  const command = ['node', 'loop.mjs', '--attached', ...options];
  return kubectl.follow(['exec', '-i', '-n', namespace, pod, '-c', container, '--', ...command], (line) => {
    onResult(JSON.parse(line) as LoopResult);
  });
}

/** searches the whole container as root; the searcher gets fingerprints only */
export async function searchContainer(
  kubectl: Kubectl,
  target: Target,
  needles: readonly Fingerprint[],
): Promise<SearchReport> {
  const result = await kubectl.exec(target, ['node', 'search/main.ts'], {
    input: JSON.stringify(needles),
    timeoutMs: 180_000,
  });
  return lastLine(result.stdout, result.stderr) as SearchReport;
}

export async function environmentOf(kubectl: Kubectl, target: Target): Promise<Record<string, string>> {
  const { stdout } = await kubectl.exec(target, ['env', '-0']);
  return Object.fromEntries(
    stdout
      .split('\0')
      .filter((entry) => entry.includes('='))
      .map((entry) => {
        const equals = entry.indexOf('=');
        return [entry.slice(0, equals), entry.slice(equals + 1)];
      }),
  );
}

/** the sidecar's metrics, through the API server as no one may exec into it */
export async function sidecarMetrics(kubectl: Kubectl, { namespace, pod }: Target): Promise<string> {
  return kubectl.raw(`/api/v1/namespaces/${namespace}/pods/${pod}:15090/proxy/metrics`);
}

/** the agent's pod as it is now */
export async function podNow(kubectl: Kubectl, { namespace, pod: name }: Target): Promise<Pod> {
  const pod = await kubectl.get<Pod>('pod', name, namespace);
  if (pod === undefined) throw new Error(`pod ${name} is gone`);
  return pod;
}

/** the newest pod of a Deployment or Pod `app: <name>`, once it is ready */
export async function readyAgent(
  kubectl: Kubectl,
  namespace: string,
  app: string,
  timeoutMs = 60_000,
): Promise<Target> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    const pods = await kubectl.list<Pod>('pods', namespace, `app=${app}`);
    const ready = pods.filter((pod) => isReady(pod) && !('deletionTimestamp' in pod.metadata));
    const [pod] = ready;
    if (pod !== undefined && ready.length === pods.length) {
      return { namespace, pod: pod.metadata.name, container: AGENT_CONTAINER };
    }
    if (Date.now() >= deadlineMs) throw await whyNotReady(kubectl, namespace, app, timeoutMs);
    await kubectl.attempt(
      ['wait', 'pods', '-n', namespace, '-l', `app=${app}`, '--for=condition=Ready', '--timeout=2s'],
      { timeoutMs: 10_000 },
    );
  }
}

async function whyNotReady(
  kubectl: Kubectl,
  namespace: string,
  app: string,
  timeoutMs: number,
): Promise<StepFailed> {
  const select = ['-n', namespace, '-l', `app=${app}`];
  const [pods, events, log] = await Promise.all([
    kubectl.attempt(['get', 'pods', ...select]),
    kubectl.attempt(['get', 'events', '-n', namespace, '--sort-by=.lastTimestamp']),
    kubectl.attempt(['logs', ...select, '-c', 'seks-proxy', '--tail=10']),
  ]);
  const tail = events.stdout.trimEnd().split('\n').slice(-10).join('\n');
  const detail = `${pods.stdout}${pods.stderr}\nevents:\n${tail}\nlog of seks-proxy:\n${log.stdout}${log.stderr}`;
  return new StepFailed(
    `no ready pod app=${app} in ${namespace} after ${timeoutMs / 1000} s\n${detail}`,
    detail,
  );
}

function lastLine(stdout: string, stderr: string): unknown {
  const line = stdout.trim().split('\n').at(-1) ?? '';
  try {
    return JSON.parse(line) as unknown;
  } catch (cause) {
    const said = `${stdout}\n${stderr}`.trim().slice(-2_000);
    throw new StepFailed(`the program in the agent's container printed no JSON: ${said}`, '', { cause });
  }
}
