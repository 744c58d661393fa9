import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.ts';
import { attempt, findProgram, run } from '../command.ts';
import { CannotRunHere, StepFailed } from '../failures.ts';
import { kubernetesVersion } from '../versions.ts';
import type { ToolSource } from './catalogue.ts';
import { wrapperGoMod, wrapperToolsFile } from './kubernetes-module.ts';

const buildTimeoutMs = 45 * 60_000;
const oldestGo = { major: 1, minor: 24 };

/** Builds all binaries of a source into `outDir`. Interrupted builds lose little: Go keeps what it has compiled. */
export async function goBuild(
  source: ToolSource,
  workDir: string,
  outDir: string,
  note: (text: string) => void,
): Promise<void> {
  const go = await findGo();
  mkdirSync(workDir, { recursive: true });
  mkdirSync(outDir, { recursive: true });
  const linkerFlags = Object.entries(source.goLinkerVariables).flatMap(([name, value]) => [
    '-X',
    `${name}=${value}`,
  ]);
  const buildFlags = ['-trimpath', '-ldflags', ['-s', '-w', ...linkerFlags].join(' ')];
  const options = {
    cwd: workDir,
    env: { CGO_ENABLED: '0', GOBIN: outDir, GOFLAGS: '-buildvcs=false', GOWORK: 'off' },
    timeoutMs: buildTimeoutMs,
    onLine: note,
  };
  if (source.set === 'kubernetes') {
    await writeWrapperModule(go, workDir, source);
    await run(go, ['build', '-mod=mod', ...buildFlags, '-o', `${outDir}/`, ...source.goPackages], options);
  } else {
    await run(go, ['install', ...buildFlags, ...source.goPackages], options);
  }
}

async function writeWrapperModule(go: string, workDir: string, source: ToolSource): Promise<void> {
  const version = kubernetesVersion();
  const answer = await run(go, ['mod', 'download', '-json', `k8s.io/kubernetes@${version.git}`], {
    env: { GOFLAGS: '', GOWORK: 'off' },
    timeoutMs: 10 * 60_000,
    cwd: '/',
  });
  const goModPath = (JSON.parse(answer) as { GoMod?: string }).GoMod;
  if (goModPath === undefined) throw new StepFailed('the module k8s.io/kubernetes has no go.mod');
  writeFileAtomically(join(workDir, 'go.mod'), wrapperGoMod(readFileSync(goModPath, 'utf8'), version));
  writeFileAtomically(join(workDir, 'tools.go'), wrapperToolsFile(source.goPackages));
}

/** The Go compiler, checked to be new enough. */
export async function findGo(): Promise<string> {
  const go = findProgram('go') ?? findProgram('go', '/usr/local/go/bin');
  const todo =
    `install Go ${oldestGo.major}.${oldestGo.minor} or newer and put it on PATH, or name a folder with the binaries in SEKS_KUBE_BIN_DIR, ` +
    'or let this machine reach the download sites, or use CLUSTER=kind';
  if (go === undefined) {
    throw new CannotRunHere(
      'the Kubernetes binaries cannot be downloaded here, and there is no Go to build them',
      todo,
    );
  }
  const answer = (await attempt(go, ['env', 'GOVERSION'], { cwd: '/' })).stdout.trim();
  if (!isGoNewEnough(answer)) throw new CannotRunHere(`${go} is ${answer || 'of an unknown version'}`, todo);
  return go;
}

export function isGoNewEnough(goVersion: string): boolean {
  const match = /^go(\d+)\.(\d+)/.exec(goVersion);
  if (match === null) return goVersion.startsWith('devel');
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > oldestGo.major || (major === oldestGo.major && minor >= oldestGo.minor);
}
