import { expect, test } from '@jest/globals';
import { statusText } from './status.ts';

test('status for people', () => {
  const text = statusText({
    kind: 'local',
    ready: false,
    kubeconfig: '/k',
    processes: { etcd: 7 },
    problems: ['kubelet is not running'],
  });
  expect(text).toBe(
    'cluster:    local\nready:      no\nkubeconfig: /k\nprocesses:  etcd (7)\nproblem:    kubelet is not running\n',
  );
});
