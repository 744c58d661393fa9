// New keys for each run, in the shapes that the providers give out; the stubs accept these and nothing else.
import { randomBytes } from 'node:crypto';
import { PROVIDERS, type ProviderName } from '../upstream/provider-stub.ts';

export type RealKeys = Readonly<Record<ProviderName, string>>;

export function makeRealKeys(): RealKeys {
  const hex = (length: number): string => randomBytes(length).toString('hex').slice(0, length);
  const digits = (count: number): string => [...randomBytes(count)].map((byte) => byte % 10).join('');
  return {
    openai: `sk-proj-${hex(48)}`,
    anthropic: `sk-ant-api03-${hex(48)}`,
    gemini: `AIza${hex(35)}`,
    groq: `gsk_${hex(52)}`,
    discord: `${Buffer.from(`1${digits(17)}`).toString('base64url')}.G${hex(5)}.${hex(38)}`,
    telegram: `7${digits(9)}:AA${hex(33)}`,
    github: `ghp_${hex(36)}`,
    notion: `ntn_${hex(46)}`,
    slack: `xoxb-${digits(12)}-${digits(12)}-${hex(24)}`,
    slackapp: `xapp-1-A${digits(10)}-${digits(13)}-${hex(64)}`,
    stripe: `sk_test_${hex(99)}`,
    generic: `gen-${hex(40)}`,
    huggingface: `hf_${hex(34)}`,
  };
}

/** the environment in which the stubs find them */
export function keyEnvironment(keys: RealKeys): Record<string, string> {
  return Object.fromEntries(PROVIDERS.map((name) => [`UPSTREAM_KEY_${name.toUpperCase()}`, keys[name]]));
}
