// Bare repositories for the git side of the GitHub stub: all begin with the same history of a few MB and many branches.
import { spawn } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface GitRepositories {
  /** makes `<owner>/<name>.git` unless it is there; gives the folder that all are in */
  ensure(owner: string, name: string): Promise<string>;
}

/** pushes to the repositories of this owner print the key that they came with */
const ECHO_OWNER = 'echo-key';
const MAX_REPOSITORIES = 20;
/** so large that a pack does not fit into one buffer anywhere on its way */
const BLOB_BYTES = 3 * 1024 * 1024;
/** so many that a clone's request is over 1 KB, from where on git sends it compressed */
const BRANCH_COUNT = 60;
const COMMITTER = 'committer Stub <stub@example.invalid> 1700000000 +0000';

/** @param makeFolder makes the folder for them; called, as git is, when the first one is asked for */
export function createGitRepositories(makeFolder: () => string): GitRepositories {
  let root: string | undefined;
  const made = new Map<string, Promise<void>>();
  return {
    async ensure(owner, name) {
      root ??= makeFolder();
      const id = `${owner}/${name}`;
      let making = made.get(id);
      if (making === undefined) {
        if (made.size >= MAX_REPOSITORIES) throw new Error('too many repositories');
        making = makeRepository(join(root, owner, `${name}.git`), owner === ECHO_OWNER);
        made.set(id, making);
      }
      await making;
      return root;
    },
  };
}

/** a folder that goes with the process */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stub-git-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function makeRepository(folder: string, echoes: boolean): Promise<void> {
  await mkdir(folder, { recursive: true });
  await git(['init', '--quiet', '--bare', '--initial-branch=main', folder]);
  await git(['-C', folder, 'fast-import', '--quiet'], history());
  if (!echoes) return;
  const hook = join(folder, 'hooks', 'post-receive');
  if (!existsSync(join(folder, 'hooks'))) await mkdir(join(folder, 'hooks'));
  await writeFile(hook, '#!/bin/sh\necho "Your key is $STUB_KEY, is it not?"\n', { mode: 0o755 });
}

/** a stream for `git fast-import` */
function history(): Buffer {
  // Bytes that do not compress, the same each time.
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(
    Buffer.alloc(BLOB_BYTES),
  );
  const parts = [
    ...commit('main', 1, ''),
    'M 100644 inline README.md\n',
    ...data('The stub has a repository.\n'),
    'M 100644 inline data.bin\n',
    ...data(noise),
  ];
  for (let index = 1; index <= BRANCH_COUNT; index++) {
    parts.push(...commit(`topic-${index}`, index + 1, 'from :1\n'), `M 100644 inline topic-${index}.txt\n`);
    parts.push(...data(`Branch ${index}\n`));
  }
  return Buffer.concat(parts.map((part) => Buffer.from(part as string)));
}

function commit(branch: string, mark: number, from: string): (string | Buffer)[] {
  return [`commit refs/heads/${branch}\nmark :${mark}\n${COMMITTER}\n`, ...data(`Begin ${branch}\n`), from];
}

function data(content: string | Buffer): (string | Buffer)[] {
  return [`data ${Buffer.byteLength(content)}\n`, content, '\n'];
}

function git(args: readonly string[], input?: Buffer): Promise<void> {
  const env = { PATH: process.env['PATH'], GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
  return new Promise((resolve, reject) => {
    const child = spawn('git', args, { env, stdio: ['pipe', 'ignore', 'pipe'] });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`git ${args.join(' ')}: ${complaint.trim()}`)),
    );
    // Should git end early, its exit code and complaint say why.
    child.stdin.once('error', () => undefined);
    child.stdin.end(input);
  });
}
