// How the sidecar's image starts Node, read from its Dockerfile: what is measured is what is shipped.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ImageSettings {
  /** of Node and V8, without those of the permission model: its paths are those of a container */
  flags: readonly string[];
  /** variables that settle how memory is allocated */
  env: Readonly<Record<string, string>>;
}

const DOCKERFILE = join(import.meta.dirname, '../../sidecar/Dockerfile');

/** the settings of this checkout */
export function imageSettings(dockerfile: string = readFileSync(DOCKERFILE, 'utf8')): ImageSettings {
  const lines = dockerfile.replaceAll('\\\n', ' ');
  const entryPoint = /^ENTRYPOINT (\[.*\])$/m.exec(lines)?.[1];
  if (entryPoint === undefined) throw new Error('the Dockerfile has no ENTRYPOINT in JSON');
  const [node, ...args] = JSON.parse(entryPoint) as string[];
  const program = args.findIndex((arg) => !arg.startsWith('--'));
  if (node !== 'node' || program !== args.length - 1)
    throw new Error('the ENTRYPOINT is not node, flags and one program');
  return {
    flags: args.slice(0, program).filter((flag) => !/^--(?:permission$|allow-fs-)/.test(flag)),
    env: Object.fromEntries(
      [...lines.matchAll(/^ENV (MALLOC_\w+)=(\S+)$/gm)].map(([, name, value]) => [name, value]),
    ),
  };
}
