import { describe, expect, test } from '@jest/globals';
import { identify, isRunning, parseStat } from './process-identity.ts';

const stat = (name: string, state: string, start: string): string =>
  `42 (${name}) ${state} 1 42 42 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 8 0 ${start} 1000 200 18446744073709551615`;

const machine =
  (files: Record<string, string>) =>
  (path: string): string => {
    const text = files[path];
    if (text === undefined) throw new Error('ENOENT');
    return text;
  };

const bootFile = '/proc/sys/kernel/random/boot_id';

describe('parseStat', () => {
  test('finds state and start time', () => {
    expect(parseStat(stat('etcd', 'S', '9001'))).toEqual({ state: 'S', startTicks: '9001' });
  });

  test('is not misled by a program whose name looks like fields', () => {
    expect(parseStat(stat('a) R 7 (b', 'S', '9001'))).toEqual({ state: 'S', startTicks: '9001' });
  });

  test('gives nothing for a torn line', () => {
    expect(parseStat('42 (etcd) S 1')).toBeUndefined();
  });
});

describe('isRunning', () => {
  const before = identify(
    42,
    machine({ '/proc/42/stat': stat('etcd', 'S', '9001'), [bootFile]: 'boot-a\n' }),
  );

  test('the same process', () => {
    expect(before).toEqual({ pid: 42, startTicks: '9001', bootId: 'boot-a' });
    const now = machine({ '/proc/42/stat': stat('etcd', 'R', '9001'), [bootFile]: 'boot-a\n' });
    expect(isRunning(before!, now)).toBe(true);
  });

  test.each([
    ['another process with the pid', stat('sshd', 'S', '9777'), 'boot-a'],
    ['the same numbers after a reboot', stat('etcd', 'S', '9001'), 'boot-b'],
    ['a zombie', stat('etcd', 'Z', '9001'), 'boot-a'],
  ])('not %s', (_what, statNow, boot) => {
    expect(isRunning(before!, machine({ '/proc/42/stat': statNow, [bootFile]: boot }))).toBe(false);
  });

  test('not a process that is gone', () => {
    expect(isRunning(before!, machine({ [bootFile]: 'boot-a' }))).toBe(false);
  });
});

test('this very process can be identified', () => {
  const self = identify(process.pid);
  expect(self?.pid).toBe(process.pid);
  expect(isRunning(self!)).toBe(true);
});
