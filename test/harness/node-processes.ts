// Signals to the processes of another pod, as a crash or the kernel's OOM killer would send them, and looks at their files: from a
// pod that sees the node's processes. No one may exec into a sidecar, which is one of the things under test.
import { waitUntil } from '../cluster/wait-until.ts';
import { AGENT_CONTAINER, IDLE } from './objects.ts';
import { isReady, type Kubectl, type Pod } from './kubectl.ts';

export interface NodeProcesses {
  /** signals the sidecar of the pod with that uid; its process id on the node, undefined when there is none now */
  signalSidecar(podUid: string, signal: 'SIGKILL' | 'SIGTERM'): Promise<number | undefined>;
  /** a file as the sidecar of the pod with that uid sees it; empty if there is none */
  readSidecarFile(podUid: string, path: string): Promise<string>;
}

/** finds the sidecar by the pod's cgroup and by its program; systemd writes a uid with underscores */
const PROGRAM = `
import { readdirSync, readFileSync } from 'node:fs';
const [uid, action, argument] = process.argv.slice(1);
const read = (path) => { try { return readFileSync(path, 'utf8'); } catch { return ''; } };
const pid = readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).find((name) => {
  const groups = read('/proc/' + name + '/cgroup');
  const isOfPod = groups.includes(uid) || groups.includes(uid.replaceAll('-', '_'));
  return isOfPod && read('/proc/' + name + '/cmdline').includes('sidecar.mjs');
});
if (action === 'read') console.log(pid === undefined ? '' : read('/proc/' + pid + '/root' + argument));
else {
  if (pid !== undefined) process.kill(Number(pid), argument);
  console.log(pid ?? '');
}
`;

/** starts the pod in a namespace that is not opted in */
export async function nodeProcesses(
  kubectl: Kubectl,
  namespace: string,
  image: string,
): Promise<NodeProcesses> {
  const name = 'node-processes';
  await kubectl.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      hostPID: true,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: AGENT_CONTAINER,
          image,
          imagePullPolicy: 'IfNotPresent',
          command: IDLE,
          // To look into the files of a process of another user.
          securityContext: { capabilities: { add: ['SYS_PTRACE'] } },
        },
      ],
    },
  });
  await waitUntil(
    async () => {
      const pod = await kubectl.get<Pod>('pod', name, namespace);
      return pod !== undefined && isReady(pod);
    },
    { what: `pod ${namespace}/${name}`, timeoutMs: 30_000, intervalMs: 250 },
  );
  const run = async (podUid: string, action: 'signal' | 'read', argument: string): Promise<string> => {
    const target = { namespace, pod: name, container: AGENT_CONTAINER };
    const command = ['node', '--input-type=module', '-e', PROGRAM, podUid, action, argument];
    const { code, stdout, stderr } = await kubectl.exec(target, command);
    if (code !== 0) throw new Error(`${action} ${argument} of the sidecar failed: ${stderr}`);
    return stdout.trim();
  };
  return {
    async signalSidecar(podUid, signal) {
      const pid = await run(podUid, 'signal', signal);
      return pid === '' ? undefined : Number(pid);
    },
    // From here the link /var/run would lead into this pod's own files.
    readSidecarFile: (podUid, path) => run(podUid, 'read', path.replace(/^\/var\/run\//, '/run/')),
  };
}
