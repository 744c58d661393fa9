import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { ContainerRuntime } from './containers.ts';
import { archiveNotePath, loadIntoNode } from './image-loader.ts';

describe('loadIntoNode', () => {
  let folder: string;
  let archive: string;
  let images: Set<string>;
  let runtime: ContainerRuntime;
  const tag = 'localhost/agent:dev';
  const note = (imageId: string): void =>
    writeFileSync(archiveNotePath(archive), JSON.stringify({ tag, imageId }));

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'loader-'));
    archive = join(folder, 'agent.tar');
    images = new Set();
    runtime = {
      isReady: () => Promise.resolve(true),
      hasImage: (name) => Promise.resolve(images.has(name)),
      importImage: () => {
        images.add(tag);
        return Promise.resolve();
      },
      removeAllContainers: () => Promise.resolve(),
    };
  });

  test('imports an image once', async () => {
    note('sha256:1');
    await expect(loadIntoNode(archive, runtime, folder)).resolves.toBe('imported');
    await expect(loadIntoNode(archive, runtime, folder)).resolves.toBe('present');
  });

  test('imports it again when it was rebuilt, or removed from the node', async () => {
    note('sha256:1');
    await loadIntoNode(archive, runtime, folder);
    note('sha256:2');
    await expect(loadIntoNode(archive, runtime, folder)).resolves.toBe('imported');
    images.clear();
    await expect(loadIntoNode(archive, runtime, folder)).resolves.toBe('imported');
  });

  test('always imports an archive of which it knows nothing', async () => {
    await loadIntoNode(archive, runtime, folder);
    await expect(loadIntoNode(archive, runtime, folder)).resolves.toBe('imported');
  });

  test('says that the cluster is not running', async () => {
    const stopped = { ...runtime, isReady: () => Promise.resolve(false) };
    await expect(loadIntoNode(archive, stopped, folder)).rejects.toThrow('bring it up first');
  });
});
