import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { architecture } from '../binaries/obtain.ts';
import { findGo } from '../binaries/go-build.ts';
import { attempt, findProgram, run } from '../command.ts';
import { withScratchDir } from '../scratch.ts';
import { pauseImage } from './node.ts';

/** Holds a pod's namespaces open, and collects orphans where containers share the process namespace. */
const cSource = `#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int signal) { (void)signal; _exit(0); }
static void reap(int signal) { (void)signal; while (waitpid(-1, NULL, WNOHANG) > 0) {} }
int main(void) {
  signal(SIGINT, end);
  signal(SIGTERM, end);
  signal(SIGCHLD, reap);
  for (;;) pause();
}
`;

const goSource = `package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for got := range signals {
		if got != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}
`;

/** A docker-archive of the pause image, made once per source text. */
export async function ensurePauseArchive(cacheDir: string): Promise<string> {
  const key = createHash('sha256')
    .update(cSource)
    .update(goSource)
    .update(pauseImage)
    .digest('hex')
    .slice(0, 12);
  const archive = join(cacheDir, 'images', `pause-${key}.tar`);
  if (existsSync(archive)) return archive;
  mkdirSync(join(cacheDir, 'images'), { recursive: true });
  await withScratchDir(cacheDir, 'pause', async (scratch) => {
    await compile(scratch);
    await writeDockerArchive(scratch, join(scratch, 'image.tar'));
    renameSync(join(scratch, 'image.tar'), archive);
  });
  return archive;
}

async function compile(scratch: string): Promise<void> {
  const cc = findProgram('cc') ?? findProgram('gcc');
  if (cc !== undefined) {
    const source = join(scratch, 'pause.c');
    writeFileSync(source, cSource);
    // Some systems have the compiler, but no static C library.
    if ((await attempt(cc, ['-static', '-Os', '-s', '-o', join(scratch, 'pause'), source])).code === 0)
      return;
  }
  writeFileSync(join(scratch, 'pause.go'), goSource);
  await run(await findGo(), ['build', '-trimpath', '-ldflags', '-s -w', '-o', 'pause', 'pause.go'], {
    cwd: scratch,
    env: { CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' },
    timeoutMs: 300_000,
  });
}

/** One layer with one file: small enough to write without a tool for images. */
async function writeDockerArchive(scratch: string, archive: string): Promise<void> {
  const tar = ['--sort=name', '--owner=0', '--group=0', '--mtime=@0', '-C', scratch];
  await run('tar', [...tar, '-cf', join(scratch, 'layer.tar'), 'pause']);
  const layer = createHash('sha256')
    .update(readFileSync(join(scratch, 'layer.tar')))
    .digest('hex');
  const config = {
    architecture: architecture(),
    os: 'linux',
    config: { Entrypoint: ['/pause'], User: '65535:65535' },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
  };
  writeFileSync(join(scratch, 'config.json'), JSON.stringify(config));
  writeFileSync(
    join(scratch, 'manifest.json'),
    JSON.stringify([{ Config: 'config.json', RepoTags: [pauseImage], Layers: ['layer.tar'] }]),
  );
  await run('tar', [...tar, '-cf', archive, 'manifest.json', 'config.json', 'layer.tar']);
}
