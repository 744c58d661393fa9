// Starts a peer's process and waits until it listens.
import { join } from 'node:path';

import { type Child, startChild, untilListening } from '../child.ts';
import type { Stage } from './contender.ts';

export interface PeerCommand {
  program: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  port: number;
  startTimeoutMs: number;
}

/** @throws Error with what the peer said, if it ends or does not listen */
export async function startPeer({ folder, cores }: Stage, command: PeerCommand): Promise<Child> {
  const { program, args, env, port, startTimeoutMs } = command;
  const logFile = join(folder, 'log');
  // Nothing of the user's own settings: HOME is the folder.
  const child = await startChild({
    program,
    args,
    env: { HOME: folder, ...env },
    cwd: folder,
    logFile,
    cores,
  });
  try {
    await untilListening(child, port, startTimeoutMs);
  } catch (cause) {
    await child.stop();
    throw cause;
  }
  return child;
}
