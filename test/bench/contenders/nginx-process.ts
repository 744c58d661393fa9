// nginx from Debian, with everything that it writes kept in the contender's folder.
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { attempt, findProgram } from '../../cluster/command.ts';
import { ensureDebianPackages } from '../../cluster/debian.ts';
import { type Child, startChild, untilListening } from '../child.ts';
import type { Stage } from './contender.ts';

const START_TIMEOUT_MS = 10_000;
const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

export interface NginxConfig {
  /** at the top level */
  main: string;
  /** port to wait for */
  port: number;
  /** for the stream module, too */
  stream?: boolean;
}

/** starts one worker */
export async function startNginx(
  { folder, cores, mayInstall, progress }: Stage,
  { main, port, stream = false }: NginxConfig,
): Promise<{ child: Child; version: string }> {
  if (mayInstall) await ensureDebianPackages(stream ? ['nginx', 'libnginx-mod-stream'] : ['nginx'], progress);
  const program = findProgram('nginx');
  if (program === undefined) throw new Error('nginx is not installed');
  const config = join(folder, 'nginx.conf');
  // nginx reads its files as another user when root starts it.
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'temp'));
  const module = stream ? `load_module ${STREAM_MODULE};\n` : '';
  await writeFile(
    config,
    `${module}daemon off;\nworker_processes 1;\npid ${folder}/nginx.pid;\nevents { worker_connections 4096; }\n${main}`,
    { mode: 0o600 },
  );
  const args = ['-e', 'stderr', '-p', folder, '-c', config];
  const child = await startChild({ program, args, logFile: join(folder, 'log'), cores });
  try {
    await untilListening(child, port, START_TIMEOUT_MS);
  } catch (cause) {
    await child.stop();
    throw cause;
  }
  const { stderr } = await attempt(program, ['-v']);
  return { child, version: /nginx\/([\d.]+)/.exec(stderr)?.[1] ?? '' };
}
