// `node test/harness/main.ts images`: builds all images and loads them into the test cluster; prints their names.
// `node test/harness/main.ts install`: the same, then installs the chart with them.
import { ambientContext } from '../cluster/cluster.ts';
import { describeFailure, exitCodeOf, StepFailed, UsageError } from '../cluster/failures.ts';
import { keptCluster } from './cluster-access.ts';
import { ensureImages } from './images.ts';
import { ensureInstalled } from './install.ts';

async function main(command: string | undefined): Promise<void> {
  if (command !== 'images' && command !== 'install') throw new UsageError('usage: images | install');
  const access = await keptCluster(ambientContext());
  if (access === undefined)
    throw new StepFailed('the test cluster is not up; bring it up with: make cluster-up');
  const images = await ensureImages(access.kubectl, access.context);
  for (const [name, reference] of Object.entries(images)) console.log(`${name.padEnd(10)}${reference}`);
  if (command === 'install') await ensureInstalled(access, images);
}

try {
  await main(process.argv[2]);
} catch (error) {
  console.error(describeFailure(error));
  process.exitCode = exitCodeOf(error);
}
