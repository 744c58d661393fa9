import { StepFailed } from '../failures.ts';

/**
 * `go install k8s.io/kubernetes/cmd/…@v` refuses, because that module's go.mod has replace directives. A module of
 * our own that requires it may build it, once each staging module (k8s.io/api and its like, in the repository a
 * folder) is replaced by its published version: v1.34.4 goes with v0.34.4.
 */
export function wrapperGoMod(
  kubernetesGoMod: string,
  version: { git: string; minor: string; patch: string },
): string {
  const staging = [...kubernetesGoMod.matchAll(/^\s*(?:replace\s+)?(\S+)\s+=>\s+\.\/staging\//gm)].map(
    (match) => match[1],
  );
  if (staging.length === 0) throw new StepFailed('the go.mod of k8s.io/kubernetes names no staging module');
  // The runtime settings that this release was tested with; a newer Go otherwise picks its own.
  const go = /^go (\S+)$/m.exec(kubernetesGoMod)?.[1] ?? '1.24.0';
  const godebug = /^godebug .*$/m.exec(kubernetesGoMod)?.[0] ?? '';
  return [
    'module seks.test/kubernetes',
    `go ${go}`,
    godebug,
    `require k8s.io/kubernetes ${version.git}`,
    ...staging.map((module) => `replace ${module} => ${module} v0.${version.minor}.${version.patch}`),
    '',
  ].join('\n');
}

/** Imports the commands behind a build tag that is never set: enough for Go to count them as dependencies. */
export function wrapperToolsFile(packages: readonly string[]): string {
  return [
    '//go:build tools',
    '',
    'package tools',
    '',
    'import (',
    ...packages.map((name) => `\t_ "${name}"`),
    ')',
    '',
  ].join('\n');
}
