// `node test/demo/main.ts`: the demo. `node test/demo/main.ts down`: removes what it made, but not the cluster.
import { ambientContext } from '../cluster/cluster.ts';
import { describeFailure, exitCodeOf, UsageError } from '../cluster/failures.ts';
import { keptCluster } from '../harness/cluster-access.ts';
import { uninstall } from '../harness/install.ts';
import { withInstallation } from '../harness/installation-lock.ts';
import { removeStubProviders } from '../harness/stub-provider.ts';
import { NAMESPACE, runDemo } from './demo.ts';
import { PROVIDER_NAMESPACE } from './provider.ts';
import { createStory, NotAsTold } from './story.ts';

async function main(command: string | undefined): Promise<void> {
  if (command === undefined) {
    await withInstallation(() => runDemo(createStory(process.stdout)));
    return;
  }
  if (command !== 'down')
    throw new UsageError(`there is no command ${command}; down removes what the demo made`);
  const access = await keptCluster(ambientContext());
  if (access === undefined) {
    console.log('the cluster is not up, so there is nothing to remove');
    return;
  }
  await withInstallation(async () => {
    await access.kubectl.delete('namespace', [NAMESPACE]);
    await removeStubProviders(access.kubectl);
    await access.kubectl.delete('namespace', [PROVIDER_NAMESPACE]);
    await uninstall(access);
  });
  console.log('removed; the cluster itself goes with: make cluster-down');
}

try {
  await main(process.argv[2]);
} catch (error) {
  const text = error instanceof NotAsTold ? `not as told: ${error.message}` : describeFailure(error);
  console.error(`\n${text}`);
  process.exitCode = exitCodeOf(error);
}
