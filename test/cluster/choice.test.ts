import { expect, test } from '@jest/globals';
import { chooseCluster } from './choice.ts';

const bare = { wanted: undefined, localClusterExists: false, kindIsUsable: false };

test.each([
  ['a named kind counts', { ...bare, wanted: 'current', kindIsUsable: true }, 'current'],
  ['even over an existing local cluster', { ...bare, wanted: 'kind', localClusterExists: true }, 'kind'],
  ['an existing local cluster is meant', { ...bare, localClusterExists: true, kindIsUsable: true }, 'local'],
  ['kind where it can run', { ...bare, kindIsUsable: true }, 'kind'],
  ['local elsewhere', bare, 'local'],
  ['an empty CLUSTER is none', { ...bare, wanted: '' }, 'local'],
] as const)('%s', (_rule, surroundings, expected) => {
  expect(chooseCluster(surroundings)).toBe(expected);
});

test('an unknown kind is refused', () => {
  expect(() => chooseCluster({ ...bare, wanted: 'minikube' })).toThrow('CLUSTER=minikube is none of');
});
