import { expect, test } from '@jest/globals';
import { CannotRunHere } from '../failures.ts';
import { checkMachine, effectiveCapabilities, missingPackages, neededPrograms } from './preflight.ts';

test('a package with two programs is asked for once', () => {
  const find = (program: string): string | undefined =>
    ['containerd', 'ctr'].includes(program) ? undefined : `/usr/bin/${program}`;
  expect(missingPackages(find, true)).toEqual(['containerd']);
});

test('nothing is asked for when everything is there, whatever the distribution', () => {
  expect(missingPackages((program) => `/opt/${program}`, true)).toEqual([]);
});

test('the CNI plugins are no program on PATH', () => {
  expect(missingPackages(() => '/usr/bin/x', false)).toEqual(['containernetworking-plugins']);
  expect(Object.keys(neededPrograms)).toContain('containerd');
});

test('another system is told what else it can use', async () => {
  const error: unknown = await checkMachine('darwin').catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(CannotRunHere);
  expect((error as CannotRunHere).todo).toContain('kind');
});

test('effectiveCapabilities', () => {
  expect(effectiveCapabilities('Name:\tnode\nCapEff:\t0000000000201000\n')).toBe((1n << 21n) | (1n << 12n));
  expect(effectiveCapabilities('')).toBe(0n);
});
