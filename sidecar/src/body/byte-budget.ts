// Counts the memory that bodies hold while they are read whole, so that however many there are at once, it stays bounded.

/** a limit that several bodies share */
export interface ByteBudget {
  /** takes so many bytes more; false if there are not that many left */
  take(bytes: number): boolean;
  give(bytes: number): void;
  /** bytes taken now */
  readonly taken: number;
}

export function createByteBudget(limitBytes: number): ByteBudget {
  let taken = 0;
  return {
    take(bytes) {
      if (taken + bytes > limitBytes) return false;
      taken += bytes;
      return true;
    },
    give(bytes) {
      taken -= bytes;
    },
    get taken() {
      return taken;
    },
  };
}
