import { describe, expect, jest, test } from '@jest/globals';
import { Secret, SeksError } from '@seks/crds';

import { KeyVault } from './key-vault.ts';

function make(): { vault: KeyVault; text: () => string } {
  const vault = new KeyVault(new Secret('provider-key', 'sk-key-0123456789'));
  return { vault, text: () => vault.key.reveal((bytes) => bytes.toString()) };
}

describe('KeyVault', () => {
  test('S1: erases the key when it is retired and the last request has ended', () => {
    const { vault, text } = make();
    const [first, second] = [vault.begin(() => {}), vault.begin(() => {})];
    first();
    vault.retire();
    // The scrubber of the second request still needs it.
    expect(text()).toBe('sk-key-0123456789');
    second();
    expect(text()).toBe('\0'.repeat(17));
    expect(vault.needles.forms.every((needle) => needle.every((byte) => byte === 0))).toBe(true);
  });

  test('keeps the key while it is not retired', () => {
    const { vault, text } = make();
    vault.begin(() => {})();
    expect(text()).toBe('sk-key-0123456789');
  });

  test('S12: breaks off each of many that come and go', () => {
    const { vault } = make();
    const cuts: number[] = [];
    const ends = Array.from({ length: 100 }, (_, i) => vault.begin(() => cuts.push(i)));
    for (const end of ends.filter((_, i) => i % 2 === 0)) end();
    for (let i = 100; i < 120; i += 1) vault.begin(() => cuts.push(i));
    vault.cut(new SeksError('SEKS_BINDING_SUSPENDED'));
    const odd = Array.from({ length: 50 }, (_, i) => 2 * i + 1);
    const late = Array.from({ length: 20 }, (_, i) => 100 + i);
    expect(cuts.sort((a, b) => a - b)).toEqual([...odd, ...late]);
  });

  test('S12: breaks off what runs, and only that', () => {
    const { vault } = make();
    const [running, ended] = [jest.fn(), jest.fn()];
    vault.begin(running);
    vault.begin(ended)();
    const reason = new SeksError('SEKS_BINDING_SUSPENDED');
    vault.cut(reason);
    expect(running.mock.calls).toEqual([[reason]]);
    expect(ended).not.toHaveBeenCalled();
  });
});
