// Loaded into the sidecar that is soaked, beside its own code: on SIGUSR2 it collects garbage and writes the used heap, in bytes.
import { writeFileSync } from 'node:fs';

process.on('SIGUSR2', () => {
  globalThis.gc?.();
  writeFileSync(process.env.SOAK_HEAP_FILE ?? '', `${process.memoryUsage().heapUsed}\n`);
});
