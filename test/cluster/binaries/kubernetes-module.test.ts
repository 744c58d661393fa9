import { expect, test } from '@jest/globals';
import { wrapperGoMod, wrapperToolsFile } from './kubernetes-module.ts';

const goMod = `module k8s.io/kubernetes

go 1.24.0

godebug default=go1.24

require (
	github.com/spf13/cobra v1.9.1
	k8s.io/api v0.0.0
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/apimachinery => ./staging/src/k8s.io/apimachinery
)
`;
const version = { git: 'v1.34.4', minor: '34', patch: '4' };

test('every staging module is replaced by its published version', () => {
  expect(wrapperGoMod(goMod, version)).toBe(
    `module seks.test/kubernetes
go 1.24.0
godebug default=go1.24
require k8s.io/kubernetes v1.34.4
replace k8s.io/api => k8s.io/api v0.34.4
replace k8s.io/apimachinery => k8s.io/apimachinery v0.34.4
`,
  );
});

test('a go.mod without staging modules is not that of Kubernetes', () => {
  expect(() => wrapperGoMod('module x\n', version)).toThrow('names no staging module');
});

test('the commands are imported behind a tag', () => {
  expect(wrapperToolsFile(['k8s.io/kubernetes/cmd/kubelet'])).toBe(
    '//go:build tools\n\npackage tools\n\nimport (\n\t_ "k8s.io/kubernetes/cmd/kubelet"\n)\n',
  );
});
