// The one Secret that several replicas share, and how they share it.

/** data of a Secret and the version that it was read at */
export interface StoredData {
  data: Record<string, Buffer>;
  resourceVersion: string;
}

/** a Secret; `create` and `replace` reject with an error named `ConflictError` if somebody else was faster */
export interface CaStore {
  read(): Promise<StoredData | undefined>;
  create(data: Record<string, Buffer>): Promise<void>;
  replace(data: Record<string, Buffer>, resourceVersion: string): Promise<void>;
}

/** what pino offers and we use */
export interface CertsLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const MAX_CONFLICTS = 8;

/**
 * Brings the Secret to where `step` wants it: `step` gets what is stored and returns what should be, or `undefined` if
 * that is it already. Whoever loses a race reads again and mostly finds nothing left to do.
 */
export async function settle(
  store: CaStore,
  step: (data: Record<string, Buffer> | undefined) => Promise<Record<string, Buffer> | undefined>,
): Promise<Record<string, Buffer>> {
  for (let conflicts = 0; ;) {
    const stored = await store.read();
    const wanted = await step(stored?.data);
    if (wanted === undefined) return stored?.data ?? {};
    try {
      await (stored === undefined ? store.create(wanted) : store.replace(wanted, stored.resourceVersion));
    } catch (error) {
      conflicts += 1;
      if (!isConflict(error) || conflicts === MAX_CONFLICTS) throw error;
    }
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof Error && error.name === 'ConflictError';
}
