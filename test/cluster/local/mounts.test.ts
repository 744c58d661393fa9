import { expect, test } from '@jest/globals';
import { mountPointsBelow } from './mounts.ts';

const mountInfo = `24 1 254:0 / / rw - ext4 /dev/vda rw
80 24 0:50 / /var/lib/seks/kubelet/pods/a/volumes/token rw - tmpfs tmpfs rw
81 24 0:51 / /run/seks/rootfs rw - overlay overlay rw
82 81 0:52 / /run/seks/rootfs/my\\040volume rw - tmpfs tmpfs rw
83 24 0:53 / /run/seksophone rw - tmpfs tmpfs rw
`;

test('the deepest come first, and a longer name is not a child', () => {
  expect(mountPointsBelow(mountInfo, ['/run/seks', '/var/lib/seks'])).toEqual([
    '/run/seks/rootfs/my volume',
    '/run/seks/rootfs',
    '/var/lib/seks/kubelet/pods/a/volumes/token',
  ]);
});
