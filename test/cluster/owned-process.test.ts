import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { fingerprintOf, ownedProcesses, type OwnedProcesses, type ProcessSpec } from './owned-process.ts';
import { identify } from './process-identity.ts';

const sleeper: ProcessSpec = {
  name: 'sleeper',
  program: process.execPath,
  args: ['-e', 'setInterval(() => {}, 1e6)'],
};

describe('ownedProcesses', () => {
  let folder: string;
  let processes: OwnedProcesses;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'owned-'));
    processes = ownedProcesses(folder, folder);
  });
  afterEach(async () => {
    for (const name of processes.names()) await processes.stop(name);
  });

  test('starts once, keeps it, and stops it', async () => {
    await expect(processes.ensure(sleeper)).resolves.toBe('started');
    const pid = processes.pid('sleeper');
    await expect(processes.ensure(sleeper)).resolves.toBe('kept');
    expect(processes.pid('sleeper')).toBe(pid);
    await processes.stop('sleeper');
    expect(identify(pid!)).toBeUndefined();
    expect(processes.names()).toEqual([]);
  });

  test('other arguments, or another configuration, replace the process', async () => {
    await processes.ensure({ ...sleeper, reads: ['a: 1'] });
    const pid = processes.pid('sleeper');
    await expect(processes.ensure({ ...sleeper, reads: ['a: 2'] })).resolves.toBe('started');
    expect(processes.pid('sleeper')).not.toBe(pid);
  });

  test('never signals a process that merely has the pid', async () => {
    const file = join(folder, 'sleeper.json');
    const impostor = { ...identify(process.pid), startTicks: '1', fingerprint: fingerprintOf(sleeper) };
    writeFileSync(file, JSON.stringify(impostor));
    expect(processes.isRunning('sleeper')).toBe(false);
    await processes.stop('sleeper');
    expect(existsSync(file)).toBe(false);
    expect(identify(process.pid)).toBeDefined();
  });

  test('a pid file that was torn in two counts as none', async () => {
    writeFileSync(join(folder, 'sleeper.json'), '{"pid": 1');
    await expect(processes.ensure(sleeper)).resolves.toBe('started');
  });

  test('output goes to the log', async () => {
    await processes.ensure({
      name: 'talker',
      program: process.execPath,
      args: ['-e', 'console.log("hello");setInterval(() => {}, 1e6)'],
    });
    const deadlineMs = Date.now() + 5_000;
    const log = (): string => readFileSync(processes.logFile('talker'), 'utf8');
    while (log() === '' && Date.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(log()).toBe('hello\n');
  });

  test('a program that does not exist is reported', async () => {
    await expect(processes.ensure({ ...sleeper, program: '/nonexistent' })).rejects.toThrow(
      'sleeper ended at once',
    );
  });
});
