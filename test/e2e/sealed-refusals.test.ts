// Every way in which a sealed Secret can be wrong has its own code: in the error that the real SDK throws in the agent, and in
// the conditions of the binding. One pod, one binding for each way.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reasonOf, type ErrorCode } from '@seks/crds';
import { readyAgent } from '../harness/agent.ts';
import type { Target } from '../harness/kubectl.ts';
import { agentPod, IDLE, seksBinding } from '../harness/objects.ts';
import { ownNamespace, type OwnNamespace } from '../harness/own-namespace.ts';
import { sealEnvelope, type SealRequest } from '../harness/sealing.ts';
import { clusterSuite } from '../harness/suite.ts';
import { editHeader, exchangeWrappings, flipBit, readSealed, type SealedText } from '../harness/tampering.ts';

/** what an attacker, or a mistake, makes of the two envelopes that were sealed for this very place */
interface Variant {
  readonly what: string;
  readonly code: ErrorCode;
  /** sealed like this instead of for the place that it is put in */
  readonly sealed?: Partial<SealRequest>;
  readonly change?: (envelope: SealedText, other: SealedText) => string;
}

const KEY = 'openai';
const APP = 'refused';

const VARIANTS: readonly Variant[] = [
  {
    what: 'copied from another namespace',
    code: 'SEKS_SEAL_WRONG_NAMESPACE',
    sealed: { namespace: 'somewhere-else' },
  },
  {
    what: 'copied from another namespace, in scope namespace',
    code: 'SEKS_SEAL_WRONG_NAMESPACE',
    sealed: { namespace: 'somewhere-else', scope: 'namespace' },
  },
  {
    what: 'copied from a Secret of another name',
    code: 'SEKS_SEAL_WRONG_SECRET',
    sealed: { secret: 'another-secret' },
  },
  {
    what: 'copied from another key of the Secret',
    code: 'SEKS_SEAL_WRONG_KEY',
    sealed: { key: 'another-key' },
  },
  { what: 'used with another provider', code: 'SEKS_SEAL_WRONG_PROVIDER', sealed: { provider: 'anthropic' } },
  {
    what: 'used with another provider, in scope namespace',
    code: 'SEKS_SEAL_WRONG_PROVIDER',
    sealed: { provider: 'anthropic', scope: 'namespace' },
  },
  {
    what: 'its header rewritten to name this place',
    code: 'SEKS_SEAL_UNWRAP_REFUSED',
    sealed: { secret: 'another-secret' },
    change: (envelope, { header }) => editHeader(envelope, (own) => ({ ...own, ctx: header['ctx'] })),
  },
  {
    what: 'a bit of the wrapped data key flipped',
    code: 'SEKS_SEAL_UNWRAP_REFUSED',
    change: (envelope) => flipBit(envelope, 'edk'),
  },
  {
    what: 'the wrapped data keys exchanged',
    code: 'SEKS_SEAL_COMMITMENT_MISMATCH',
    change: (envelope, other) => exchangeWrappings(envelope, other),
  },
  {
    what: 'its salt exchanged',
    code: 'SEKS_SEAL_COMMITMENT_MISMATCH',
    change: (envelope, { header }) => editHeader(envelope, (own) => ({ ...own, salt: header['salt'] })),
  },
  {
    what: 'its commitment exchanged',
    code: 'SEKS_SEAL_COMMITMENT_MISMATCH',
    change: (envelope, { header }) => editHeader(envelope, (own) => ({ ...own, com: header['com'] })),
  },
  {
    what: 'a bit of the ciphertext flipped',
    code: 'SEKS_SEAL_CORRUPT',
    change: (envelope) => flipBit(envelope, 'ciphertext'),
  },
  {
    what: 'a bit of the tag flipped',
    code: 'SEKS_SEAL_CORRUPT',
    change: (envelope) => flipBit(envelope, 'tag'),
  },
  {
    what: 'the ciphertext of another envelope',
    code: 'SEKS_SEAL_CORRUPT',
    change: (envelope, { json }) => {
      const { iv, ciphertext, tag } = json;
      return JSON.stringify({ ...envelope.json, iv, ciphertext, tag });
    },
  },
  {
    what: 'another algorithm in the header',
    code: 'SEKS_SEAL_MALFORMED',
    change: (envelope) => editHeader(envelope, (own) => ({ ...own, alg: 'A256KW' })),
  },
  {
    what: 'cut in the middle',
    code: 'SEKS_SEAL_MALFORMED',
    change: ({ text }) => text.slice(0, text.length / 2),
  },
  {
    what: 'of a version to come',
    code: 'SEKS_SEAL_VERSION_UNKNOWN',
    change: (envelope) => editHeader(envelope, (own) => ({ ...own, typ: 'seks.v2' })),
  },
  {
    what: 'not sealed at all',
    code: 'SEKS_SECRET_NOT_SEALED',
    change: () => 'sk-proj-a-key-that-somebody-forgot-to-seal',
  },
  { what: 'wrapped by a KMS key of another cluster', code: 'SEKS_SEAL_KMS_KEY_UNKNOWN' },
  { what: 'missing', code: 'SEKS_SECRET_MISSING' },
];
const FOREIGN = VARIANTS.findIndex(({ code }) => code === 'SEKS_SEAL_KMS_KEY_UNKNOWN');
const MISSING = VARIANTS.findIndex(({ code }) => code === 'SEKS_SECRET_MISSING');
const INTACT = 'intact';

const bindingOf = (index: number): string => `variant-${index}`;
const tokenVariable = (name: string): string => `TOKEN_${name.toUpperCase().replaceAll('-', '_')}`;
const modelOf = (name: string): string => `refused-${name}`;

interface Thrown {
  readonly status?: number;
  readonly code?: string;
  readonly message?: string;
  readonly answer?: string;
}

/** the real SDK, once with each token; the model tells the stub's record which one it was */
const PROGRAM = `
import OpenAI from 'openai';
const results = await Promise.all(JSON.parse(process.argv[1]).map(async ([name, variable, model]) => {
  const client = new OpenAI({ apiKey: process.env[variable], maxRetries: 0 });
  const messages = [{ role: 'user', content: name }];
  try {
    const { choices } = await client.chat.completions.create({ model, messages });
    return [name, { answer: choices[0].message.content }];
  } catch ({ status, code, message }) {
    return [name, { status, code, message }];
  }
}));
console.log(JSON.stringify(Object.fromEntries(results)));
`;

clusterSuite('a sealed Secret that is not as it should be', (suite) => {
  let namespace: OwnNamespace;
  let agent: Target;
  let results: Record<string, Thrown>;
  /** the provider's latest request before ours */
  let before: number;

  beforeAll(async () => {
    const { kubectl, images } = suite();
    namespace = await ownNamespace(kubectl, 'refusals');
    const names = [...VARIANTS.keys()].map(bindingOf);
    const values = await Promise.all(VARIANTS.map((variant, index) => valueOf(variant, index)));
    const intact = await sealEnvelope(kubectl, place(INTACT));
    await kubectl.apply(
      ...[...names.map((name, index) => [name, values[index]] as const), [INTACT, intact] as const]
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => secretOf(name, value ?? '')),
      ...[...names, INTACT].map((name) => binding(name, [name])),
      // S16: a source that is present and wrong is an error, even where the next one would work.
      binding('fall-back', [bindingOf(0), INTACT]),
    );
    await kubectl.apply(
      agentPod({
        name: APP,
        namespace: namespace.name,
        image: images.agent,
        command: IDLE,
        container: { env: [{ name: 'OPENAI_BASE_URL', value: 'http://127.0.0.1:15080/openai/v1' }] },
      }),
    );
    agent = await readyAgent(kubectl, namespace.name, APP);
    before = await suite().stub.latestId();
    results = await askAll([...names, INTACT, 'fall-back']);
  }, 120_000);

  afterAll(() => namespace.remove());

  function place(secret: string): SealRequest {
    const { openai } = suite().stub.keys;
    return { provider: 'openai', namespace: namespace.name, secret, key: KEY, plaintext: openai };
  }

  async function valueOf({ sealed, change }: Variant, index: number): Promise<string | undefined> {
    const { kubectl } = suite();
    const here = place(bindingOf(index));
    if (index === MISSING) return undefined;
    if (index === FOREIGN) return withForeignKey((certFile) => sealEnvelope(kubectl, { ...here, certFile }));
    const [envelope, other] = await Promise.all([
      sealEnvelope(kubectl, { ...here, ...sealed }),
      sealEnvelope(kubectl, here),
    ]);
    return change === undefined ? envelope : change(readSealed(envelope), readSealed(other));
  }

  function secretOf(name: string, value: string): object {
    const labels = { 'seks.ai/sealed': 'true' };
    const metadata = { name, namespace: namespace.name, labels };
    return { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { [KEY]: value } };
  }

  function binding(name: string, secrets: readonly string[]): object {
    const sources = secrets.map((secret, index) => ({
      tier: index === 0 ? 'user' : 'builder',
      secretRef: { name: secret, key: KEY },
    }));
    const credential = { name: 'openai', provider: 'openai', sources, env: { key: [tokenVariable(name)] } };
    return seksBinding({ name, namespace: namespace.name, app: APP, credentials: [credential] });
  }

  async function askAll(names: readonly string[]): Promise<Record<string, Thrown>> {
    const asked = names.map((name) => [name, tokenVariable(name), modelOf(name)]);
    const command = ['node', '--input-type=module', '-e', PROGRAM, JSON.stringify(asked)];
    const { stdout, stderr } = await suite().kubectl.exec(agent, command);
    try {
      return JSON.parse(stdout) as Record<string, Thrown>;
    } catch (cause) {
      throw new Error(`the program in the agent's container said: ${stdout}${stderr}`, { cause });
    }
  }

  test('the intact envelope beside them opens', async () => {
    expect(results[INTACT]).toEqual({ answer: `The openai stub heard: ${INTACT}` });
    const seen = (await suite().stub.requests(before)).filter(({ model }) => model === modelOf(INTACT));
    expect(seen).toMatchObject([{ isExpectedKey: true }]);
  });

  test.each(VARIANTS.map((variant, index) => [variant.what, variant, index] as const))(
    '%s: refused with its own code',
    async (_what, { code }, index) => {
      const name = bindingOf(index);
      expect(results[name]).toMatchObject({ status: 503, code });
      expect(results[name]?.message).toMatch(new RegExp(`^503 ${code}: .+ .+`));
      const { message } = await suite().kubectl.waitFor(
        { kind: 'seksbinding', name, namespace: namespace.name },
        `to be Ready=False with reason ${reasonOf(code)}`,
        (found) =>
          found.status?.conditions?.find(
            ({ type, status, reason }) => type === 'Ready' && status === 'False' && reason === reasonOf(code),
          ),
        15_000,
      );
      expect(message).toContain(name);
    },
  );

  test('S16: the next source is no way out', () => {
    expect(results['fall-back']).toMatchObject({ status: 503, code: 'SEKS_SEAL_WRONG_NAMESPACE' });
  });

  test('S15: nothing of what was refused reached the provider', async () => {
    const refused = new Set([...VARIANTS.keys()].map((index) => modelOf(bindingOf(index))));
    refused.add(modelOf('fall-back'));
    const seen = await suite().stub.requests(before);
    expect(seen.filter(({ model }) => model !== undefined && refused.has(model))).toEqual([]);
  });

  test('S9: no condition quotes a value', async () => {
    const bindings = await suite().kubectl.run(['get', 'seksbindings', '-n', namespace.name, '-o', 'json']);
    expect(bindings).toContain('SecretNotSealed');
    expect(bindings).not.toContain('sk-proj-a-key');
  });
});

/** hands over a file with a public key whose private half nobody keeps */
async function withForeignKey<T>(use: (certFile: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'seks-foreign-key-'));
  try {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
    const file = join(folder, 'sealing.pem');
    await writeFile(file, publicKey.export({ type: 'spki', format: 'pem' }));
    return await use(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}
