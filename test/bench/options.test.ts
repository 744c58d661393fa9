import { describe, expect, test } from '@jest/globals';

import { choose, parseOptions } from './options.ts';

describe('the command line', () => {
  test('flags and lists', () => {
    expect(parseOptions([])).toMatchObject({
      quick: false,
      install: true,
      only: undefined,
      scenarios: undefined,
    });
    expect(
      parseOptions(['--quick', '--no-install', '--only', 'Nginx, sidecar,', '--scenario', 'sse']),
    ).toMatchObject({
      quick: true,
      install: false,
      only: ['nginx', 'sidecar'],
      scenarios: ['sse'],
    });
    expect(() => parseOptions(['--fast'])).toThrow('--fast');
  });

  test('a name that fits nothing is an error', () => {
    const all = [{ name: 'sse-1' }, { name: 'sse-32' }, { name: 'Memory' }];
    const begins = (name: string, wanted: string) => name.startsWith(wanted);
    expect(choose(all, ['sse'], begins)).toEqual(all.slice(0, 2));
    expect(choose(all, undefined, begins)).toEqual(all);
    expect(choose(all, ['memory'], begins)).toEqual([all[2]]);
    expect(() => choose(all, ['ssh'], begins)).toThrow('there is no ssh');
  });
});
