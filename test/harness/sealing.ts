// Sealing as a user does it: the real kubectl-seks.
import { dirname, join } from 'node:path';
import { delimiter } from 'node:path';
import { run } from '../cluster/command.ts';
import { repositoryDir } from './images.ts';
import type { Kubectl } from './kubectl.ts';

export interface SealRequest {
  readonly provider: string;
  readonly namespace: string;
  readonly secret: string;
  readonly key: string;
  readonly plaintext: string;
  readonly scope?: 'strict' | 'namespace';
  /** seal with this public key instead of the cluster's */
  readonly certFile?: string;
}

/** the sealed Secret as kubectl-seks prints it, as an object to apply */
export async function sealSecret(kubectl: Kubectl, request: SealRequest): Promise<SealedSecret> {
  return JSON.parse(await seal(kubectl, request, ['--output', 'json'])) as SealedSecret;
}

/** the envelope alone */
export async function sealEnvelope(kubectl: Kubectl, request: SealRequest): Promise<string> {
  return (await seal(kubectl, request, ['--raw'])).trim();
}

export interface SealedSecret {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

function seal(kubectl: Kubectl, request: SealRequest, output: readonly string[]): Promise<string> {
  const { provider, namespace, secret, key, plaintext, scope, certFile } = request;
  return run(
    process.execPath,
    [
      join(repositoryDir, 'cli', 'bin', 'kubectl-seks'),
      'seal',
      '--provider',
      provider,
      '--namespace',
      namespace,
      '--name',
      secret,
      '--key',
      key,
      ...(scope === undefined ? [] : ['--scope', scope]),
      ...(certFile === undefined ? [] : ['--cert', certFile]),
      ...output,
    ],
    {
      // The key goes through a pipe: arguments are visible to every process of the machine.
      input: plaintext,
      env: {
        KUBECONFIG: kubectl.kubeconfig,
        PATH: `${dirname(kubectl.program)}${delimiter}${process.env['PATH'] ?? ''}`,
      },
    },
  );
}
