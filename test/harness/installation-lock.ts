// There is one installation in a cluster, with one set of SeksProviders: who changes it must be alone.
import { acquireMachineLock, withMachineLock, type MachineLock } from '../cluster/machine-lock.ts';

const name = 'seks-installation';
const options = {
  timeoutMs: 30 * 60_000,
  onWait: (holder: string) => {
    process.stderr.write(`${holder} is using the SEKS installation; waiting for it\n`);
  },
};

export function withInstallation<T>(work: () => Promise<T>): Promise<T> {
  return withMachineLock(name, options, work);
}

export function lockInstallation(): Promise<MachineLock> {
  return acquireMachineLock(name, options);
}
