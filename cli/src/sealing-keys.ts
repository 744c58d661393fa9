// Which KMS keys wrap the data key: public keys from files, AWS KMS keys, or the cluster's own sealing key.
import { SEALING_CONFIG_MAP, SEALING_PUBLIC_KEY } from '@seks/crds';
import { createAwsKms, createLocalKms } from '@seks/operator/kms';
import type { Kms } from '@seks/operator/kms';

import { CliError, EXIT_FINDINGS } from './cli-error.ts';
import { isMissing, say } from './io.ts';
import type { Io } from './io.ts';

export interface SealingKeyOptions {
  cert: readonly string[];
  awsKeyId: readonly string[];
  awsRegion?: string;
  /** namespace that SEKS is installed in */
  seksNamespace: string;
  context?: string;
  kubeconfig?: string;
}

const MAX_KEYS = 4;

/** the KMS adapters to wrap with, 1 to 4; those in AWS come first, because AWS makes its own data keys */
export async function sealingKeys(options: SealingKeyOptions, io: Io): Promise<[Kms, ...Kms[]]> {
  if (options.cert.length + options.awsKeyId.length > MAX_KEYS) {
    throw new CliError(`an envelope has at most ${MAX_KEYS} wrappings`, {
      hint: 'give fewer --cert and --aws-key-id',
    });
  }
  const aws = options.awsKeyId.map((keyId) => awsKey(keyId, options.awsRegion));
  const local = await Promise.all(options.cert.map(async (path) => fromPem(await readCert(path, io), path)));
  const [first, ...rest] = [...aws, ...local];
  return first === undefined ? [await clusterKey(options, io)] : [first, ...rest];
}

function awsKey(keyId: string, region: string | undefined): Kms {
  // An ARN carries its own region, so that keys of two regions can be named at once.
  const named = keyId.startsWith('arn:') || region === undefined ? {} : { region };
  return createAwsKms({ keyIds: [keyId], ...named, timeoutMs: 15_000 });
}

async function clusterKey(options: SealingKeyOptions, io: Io): Promise<Kms> {
  const { seksNamespace, context, kubeconfig } = options;
  const where = `ConfigMap ${seksNamespace}/${SEALING_CONFIG_MAP}`;
  const pem = await io.kubectl([
    'get',
    'configmap',
    SEALING_CONFIG_MAP,
    `--namespace=${seksNamespace}`,
    `--output=jsonpath={.data.${SEALING_PUBLIC_KEY.replaceAll('.', String.raw`\.`)}}`,
    '--request-timeout=10s',
    ...(context === undefined ? [] : [`--context=${context}`]),
    ...(kubeconfig === undefined ? [] : [`--kubeconfig=${kubeconfig}`]),
  ]);
  if (pem.trim() === '') {
    throw new CliError(`${where} holds no ${SEALING_PUBLIC_KEY}`, {
      hint: 'wait until the key service runs, or seal with --aws-key-id if this cluster has no local KMS',
      exitCode: EXIT_FINDINGS,
    });
  }
  const kms = fromPem(pem, where);
  say(io, 'note', `sealing for the cluster's key in ${where}`);
  return kms;
}

async function readCert(path: string, io: Io): Promise<string> {
  const bytes = await io.readFile(path).catch((cause: unknown) => {
    const why = isMissing(cause) ? 'does not exist' : 'cannot be read';
    throw new CliError(`the sealing key ${path} ${why}`, {
      hint: `fetch it: kubectl get configmap ${SEALING_CONFIG_MAP} -n seks-system -o jsonpath='{.data.sealing\\.pem}'`,
      cause,
    });
  });
  return bytes.toString();
}

function fromPem(pem: string, where: string): Kms {
  if (pem.includes('PRIVATE KEY')) {
    throw new CliError(`${where} is a private key`, {
      hint: `sealing needs the public key, from ConfigMap ${SEALING_CONFIG_MAP}; nobody should have the private one`,
    });
  }
  try {
    return createLocalKms({ publicKeyPem: pem });
  } catch (cause) {
    throw new CliError(`${where} is no RSA public key of 3072 bits or more in PEM`, {
      hint: `use the value ${SEALING_PUBLIC_KEY} of ConfigMap ${SEALING_CONFIG_MAP} as it is`,
      cause,
    });
  }
}
