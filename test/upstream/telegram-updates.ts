// Telegram's getUpdates: updates wait until a poll with a higher offset confirms them, and only one poll is heard at a time.

export interface Poll {
  /** updates below it are confirmed and forgotten */
  readonly offset: number;
  readonly limit: number;
  /** 0: answer at once */
  readonly timeoutMs: number;
  /** registers what is called when the client is gone */
  readonly onGone: (gone: () => void) => void;
}

export interface UpdateQueue {
  add(update: Readonly<Record<string, unknown>>): void;
  /** the updates, as soon as there are some; `replaced` when another poll came meanwhile */
  poll(poll: Poll): Promise<readonly unknown[] | 'replaced'>;
}

/** keeps the latest `limit` updates */
export function createUpdateQueue(limit = 1_000): UpdateQueue {
  let waiting: { readonly update_id: number }[] = [];
  let nextId = 100_001;
  let current: { readonly poll: Poll; finish(answer: 'replaced' | readonly unknown[]): void } | undefined;

  const matching = (poll: Poll): readonly unknown[] => waiting.slice(0, poll.limit);

  return {
    add(update) {
      waiting.push({ update_id: nextId++, ...update });
      if (waiting.length > limit) waiting.shift();
      if (current !== undefined) current.finish(matching(current.poll));
    },
    poll(poll) {
      current?.finish('replaced');
      waiting = waiting.filter(({ update_id }) => update_id >= poll.offset);
      if (waiting.length > 0 || poll.timeoutMs === 0) return Promise.resolve(matching(poll));
      return new Promise((resolve) => {
        const finish = (answer: 'replaced' | readonly unknown[]): void => {
          clearTimeout(timer);
          if (current === mine) current = undefined;
          resolve(answer);
        };
        const mine = { poll, finish };
        const timer = setTimeout(finish, poll.timeoutMs, []);
        current = mine;
        poll.onGone(() => finish([]));
      });
    },
  };
}
