import { describe, expect, test } from '@jest/globals';
import { CannotRunHere, describeFailure, exitCodeOf, StepFailed, UsageError } from './failures.ts';

describe('exit codes tell what can be done about a failure', () => {
  test.each([
    [new StepFailed('etcd ended at once'), 1],
    [new UsageError('there is no command x'), 2],
    [new CannotRunHere('no root', 'become root'), 3],
    [new TypeError('a bug'), 1],
    ['thrown by mistake', 1],
  ])('%s', (error, code) => {
    expect(exitCodeOf(error)).toBe(code);
  });
});

test('the tail of the log is set apart from the message', () => {
  expect(describeFailure(new StepFailed('etcd ended at once', 'panic: disk\nexit 2\n'))).toBe(
    'etcd ended at once\n  | panic: disk\n  | exit 2',
  );
});

test('what is missing comes with what to do', () => {
  expect(describeFailure(new CannotRunHere('a local cluster needs root', 'run it as root'))).toBe(
    'cannot run here: a local cluster needs root\n  what to do: run it as root',
  );
});
