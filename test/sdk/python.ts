// The Python that runs the scenarios: of whatever version the machine has, and the wheels are chosen for it.
import { attempt } from '../cluster/command.ts';

export interface Python {
  /** the program itself, not a launcher that wants the user's environment */
  readonly program: string;
  /** `3.11` and its like */
  readonly version: string;
}

const ASK = 'import sys; print(sys.executable, "%d.%d" % sys.version_info[:2])';

/**
 * Prefers the version of the agent image, for which the wheels are pinned. Older ones know no PYTHONSAFEPATH.
 * @throws Error when there is none
 */
export async function findPython(): Promise<Python> {
  for (const name of ['python3.11', 'python3']) {
    const { code, stdout } = await attempt(name, ['-c', ASK]);
    const [program, version] = stdout.trim().split(' ');
    if (code === 0 && program !== undefined && version !== undefined && isNewEnough(version)) {
      return { program, version };
    }
  }
  throw new Error('Python 3.11 or newer is not on this machine');
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major === 3 && minor >= 11;
}
