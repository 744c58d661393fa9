import { expect, test } from '@jest/globals';
import { cgroupMounts } from './cgroups.ts';

test('cgroup hierarchies of v1, v2 and both', () => {
  const mountInfo = [
    '30 29 0:26 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu',
    '31 29 0:27 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup rw',
    '32 29 0:28 / /tmp rw - tmpfs tmpfs rw',
    '',
  ].join('\n');
  expect(cgroupMounts(mountInfo)).toEqual(['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/unified']);
});
