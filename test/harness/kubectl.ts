// The cluster as its users have it: the kubectl binary, with types around it.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { attempt, type CommandResult } from '../cluster/command.ts';
import { StepFailed } from '../cluster/failures.ts';
import { waitUntil } from '../cluster/wait-until.ts';

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly uid?: string;
    readonly creationTimestamp?: string;
  };
}

/** what the tests read of a pod */
export interface Pod extends KubeObject {
  readonly spec: Record<string, unknown>;
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly Condition[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly state?: { readonly running?: object; readonly terminated?: Terminated; readonly waiting?: object };
  readonly lastState?: { readonly terminated?: Terminated };
}

interface Terminated {
  readonly exitCode: number;
  readonly message?: string;
}

/** an object with the status that most kinds have */
export interface LiveObject extends KubeObject {
  readonly status?: Pod['status'] & {
    readonly conditions?: readonly Condition[];
    readonly observedGeneration?: number;
    readonly pods?: { readonly matched?: number; readonly injected?: number; readonly outdated?: number };
    readonly readyReplicas?: number;
  };
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** one container of a running pod */
export interface Target {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

export interface Follower {
  /** ends the program's input, and so the program; resolves when it is gone */
  stop(): Promise<void>;
  /** resolves with the exit code when it ends by itself */
  readonly ended: Promise<number>;
}

export interface RunOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
}

export interface Kubectl {
  readonly program: string;
  readonly kubeconfig: string;
  run(args: readonly string[], options?: RunOptions): Promise<string>;
  /** as `run`, where a refusal is an answer */
  attempt(args: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** runs it until it ends or is stopped, with each line of its stdout; its stdin stays open until then */
  follow(args: readonly string[], onLine: (line: string) => void): Follower;
  apply(...objects: readonly object[]): Promise<void>;
  /** undefined when there is no such object */
  get<T extends KubeObject>(kind: string, name: string, namespace?: string): Promise<T | undefined>;
  list<T extends KubeObject>(kind: string, namespace: string, selector?: string): Promise<T[]>;
  /** deletes and waits until they are gone */
  delete(kind: string, names: readonly string[], namespace?: string): Promise<void>;
  patch(kind: string, name: string, namespace: string, change: object): Promise<void>;
  exec(target: Target, command: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** GET of a path of the API server */
  raw(path: string): Promise<string>;
  /** waits until the object is there and `condition` gives something for it */
  waitFor<R>(
    object: { kind: string; name: string; namespace: string },
    what: string,
    condition: (object: LiveObject) => R | undefined | false,
    timeoutMs?: number,
  ): Promise<R>;
}

const defaultWaitMs = 60_000;
const stopTimeoutMs = 5_000;

export function createKubectl(program: string, kubeconfig: string): Kubectl {
  const env = {
    KUBECONFIG: kubeconfig,
    // kubectl remembers for hours which groups have a resource of a name; a run must not inherit that from another.
    KUBECACHEDIR: join(tmpdir(), `seks-kubectl-${process.pid}`),
  };
  const at = (namespace: string | undefined): string[] => (namespace === undefined ? [] : ['-n', namespace]);
  const runIt: Kubectl['run'] = async (args, options = {}) => {
    const { code, stdout, stderr } = await attemptIt(args, options);
    if (code === 0) return stdout;
    // What kubectl said belongs into the message: test runners show nothing else of an error.
    throw new StepFailed(
      `kubectl ${args.slice(0, 4).join(' ')}: exit code ${code}: ${stderr.trim() || stdout.trim()}`,
    );
  };
  const attemptIt: Kubectl['attempt'] = (args, options = {}) => attempt(program, args, { ...options, env });

  const get = async <T extends KubeObject>(
    kind: string,
    name: string,
    namespace?: string,
  ): Promise<T | undefined> => {
    const args = ['get', kind, name, ...at(namespace), '-o', 'json', '--ignore-not-found'];
    const text = await runIt(args);
    return text.trim() === '' ? undefined : (JSON.parse(text) as T);
  };

  return {
    program,
    kubeconfig,
    run: runIt,
    attempt: attemptIt,
    follow(args, onLine) {
      const child = spawn(program, args, {
        env: { ...process.env, ...env },
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      child.stdin.on('error', () => undefined);
      createInterface({ input: child.stdout }).on('line', onLine);
      const ended = new Promise<number>((resolve) => {
        child.once('error', () => resolve(127));
        child.once('close', (code) => resolve(code ?? 128));
      });
      return {
        ended,
        async stop() {
          // What runs in a container outlives a kubectl that is killed; the end of its input tells it to end.
          child.stdin.end();
          const patienceMs = args[0] === 'exec' ? stopTimeoutMs : 0;
          const deadline = setTimeout(() => child.kill('SIGKILL'), patienceMs);
          await ended;
          clearTimeout(deadline);
        },
      };
    },
    async apply(...objects) {
      const list = { apiVersion: 'v1', kind: 'List', items: objects };
      await runIt(['apply', '-f', '-'], { input: JSON.stringify(list) });
    },
    get,
    async list<T extends KubeObject>(kind: string, namespace: string, selector?: string) {
      const select = selector === undefined ? [] : ['-l', selector];
      const text = await runIt(['get', kind, ...at(namespace), ...select, '-o', 'json']);
      return (JSON.parse(text) as { items: T[] }).items;
    },
    async delete(kind, names, namespace) {
      if (names.length === 0) return;
      await runIt(
        ['delete', kind, ...names, ...at(namespace), '--ignore-not-found', '--wait', '--timeout=120s'],
        {
          timeoutMs: 130_000,
        },
      );
    },
    async patch(kind, name, namespace, change) {
      await runIt(['patch', kind, name, ...at(namespace), '--type=merge', '-p', JSON.stringify(change)]);
    },
    exec(target, command, options = {}) {
      const stdin = options.input === undefined ? [] : ['-i'];
      return attemptIt(
        ['exec', ...stdin, ...at(target.namespace), target.pod, '-c', target.container, '--', ...command],
        options,
      );
    },
    raw: (path) => runIt(['get', '--raw', path]),
    waitFor<R>(
      object: { kind: string; name: string; namespace: string },
      what: string,
      condition: (found: LiveObject) => R | undefined | false,
      timeoutMs = defaultWaitMs,
    ): Promise<R> {
      const { kind, name, namespace } = object;
      const check = async (): Promise<R | undefined | false> => {
        const found = await get<LiveObject>(kind, name, namespace);
        return found === undefined ? undefined : condition(found);
      };
      const wait = { what: `${kind} ${namespace}/${name} ${what}`, timeoutMs, intervalMs: 250 };
      return waitUntil(check, wait).catch(async (error: unknown) => {
        throw await explain(error, attemptIt, object);
      });
    },
  };
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}

/** adds what `kubectl describe` says of the object to a wait that was in vain */
async function explain(
  error: unknown,
  attemptIt: Kubectl['attempt'],
  { kind, name, namespace }: { kind: string; name: string; namespace: string },
): Promise<unknown> {
  if (!(error instanceof StepFailed)) return error;
  const { stdout } = await attemptIt(['describe', kind, name, '-n', namespace]);
  const detail = stdout.trimEnd().split('\n').slice(-30).join('\n');
  return new StepFailed(`${error.message}\n${detail}`, '', { cause: error });
}
