import { EventEmitter } from 'node:events';

import { describe, expect, test } from '@jest/globals';

import { askHidden } from './hidden-prompt.ts';
import type { Terminal } from './hidden-prompt.ts';

class FakeTerminal extends EventEmitter {
  readonly modes: string[] = [];
  setRawMode(raw: boolean): this {
    this.modes.push(raw ? 'raw' : 'cooked');
    return this;
  }
  resume(): this {
    return this;
  }
  pause(): this {
    this.modes.push('paused');
    return this;
  }
}

function ask(...chunks: (string | Buffer)[]): {
  answer: Promise<Buffer>;
  terminal: FakeTerminal;
  shown: string[];
} {
  const terminal = new FakeTerminal();
  const shown: string[] = [];
  const answer = askHidden(terminal as unknown as Terminal, (text) => shown.push(text), 'key: ');
  for (const chunk of chunks) terminal.emit('data', Buffer.from(chunk as string));
  return { answer, terminal, shown };
}

describe('askHidden', () => {
  test('S1: takes one line, shows nothing of it, and gives the terminal back', async () => {
    const { answer, terminal, shown } = ask('sk-', 'live\rrest');
    expect((await answer).toString()).toBe('sk-live');
    expect(shown).toEqual(['key: ', '\n']);
    expect(terminal.modes).toEqual(['raw', 'cooked', 'paused']);
    expect(terminal.listenerCount('data') + terminal.listenerCount('end')).toBe(0);
  });

  test('understands backspace, Ctrl-U and Ctrl-D', async () => {
    expect((await ask('ax\u007Fb\bc\n').answer).toString()).toBe('ac');
    expect((await ask('wrong\u0015right\u0004').answer).toString()).toBe('right');
    expect((await ask('\r').answer).toString()).toBe('');
  });

  test('Ctrl-C ends it as an interrupt, and so does a terminal that goes away', async () => {
    const { answer, terminal } = ask('sk-\u0003');
    await expect(answer).rejects.toMatchObject({ exitCode: 130 });
    expect(terminal.modes).toEqual(['raw', 'cooked', 'paused']);
    const gone = ask('sk-');
    gone.terminal.emit('end');
    await expect(gone.answer).rejects.toMatchObject({ exitCode: 130 });
  });
});
