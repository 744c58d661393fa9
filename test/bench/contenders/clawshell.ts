// clawshell: swaps virtual keys for real ones, in Rust.
import { appendFile, chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { findProgram } from '../../cluster/command.ts';
import { freePort } from '../child.ts';
import { npmPackage } from '../peers/installers.ts';
import { obtainPeer, type Peer } from '../peers/obtain.ts';
import { type Contender, FAKE_TOKEN, ROUTE, upstreamOrigin } from './contender.ts';
import { startPeer } from './peer-process.ts';

const VERSION = '0.2.1';
const USER_ID = 65_533;
const START_TIMEOUT_MS = 10_000;

const peer: Peer = {
  name: 'clawshell',
  version: VERSION,
  program: `node_modules/@clawshell/clawshell-linux-${process.arch}/bin/clawshell`,
  install: npmPackage(`@clawshell/clawshell-linux-${process.arch}@${VERSION}`),
};

// It insists on a user of its own and on a folder below /var/log: both are made in a mount namespace that only it sees.
const IN_NAMESPACE = `
mount --bind passwd /etc/passwd && mount --bind group /etc/group && mount -t tmpfs none /var/log && exec "$@"`;

export const clawshell: Contender = {
  name: 'clawshell',
  about: 'Rust; virtual to real key, scans requests',
  // Its roots are compiled in, so that it cannot be told of a private CA.
  lanes: ['plain'],
  async start(stage) {
    const { folder } = stage;
    const program = await obtainPeer(peer, stage);
    const unshare = findProgram('unshare');
    if (unshare === undefined || process.getuid?.() !== 0) {
      throw new Error('needs root and unshare, for the user that it wants to run as');
    }
    const port = await freePort();
    await chmod(folder, 0o755);
    await copyFile('/etc/passwd', join(folder, 'passwd'));
    await copyFile('/etc/group', join(folder, 'group'));
    await appendFile(
      join(folder, 'passwd'),
      `clawshell:x:${USER_ID}:${USER_ID}::/nonexistent:/usr/sbin/nologin\n`,
    );
    await appendFile(join(folder, 'group'), `clawshell:x:${USER_ID}:\n`);
    const lines = [
      `version = "${VERSION}"`,
      'log_level = "warn"',
      '[server]',
      'host = "127.0.0.1"',
      `port = ${port}`,
      '[upstream]',
      `openai_base_url = "${upstreamOrigin(stage)}"`,
      '[[keys]]',
      `virtual_key = "${FAKE_TOKEN}"`,
      `real_key = "${stage.key}"`,
      'provider = "openai"',
      '[stats]',
      `persist_path = "${folder}/stats.json"`,
    ];
    const config = join(folder, 'clawshell.toml');
    await writeFile(config, `${lines.join('\n')}\n`, { mode: 0o600 });
    const child = await startPeer(stage, {
      program: unshare,
      args: ['--mount', 'sh', '-c', IN_NAMESPACE, 'sh', program, 'start', '--foreground', '-c', config],
      port,
      startTimeoutMs: START_TIMEOUT_MS,
    });
    return {
      version: VERSION,
      endpoint: {
        port,
        host: `127.0.0.1:${port}`,
        path: ROUTE,
        authorization: `Bearer ${FAKE_TOKEN}`,
      },
      child,
    };
  },
};
