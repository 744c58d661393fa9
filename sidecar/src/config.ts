// The process's settings: what the webhook decided, and which pod this is.
import { ENV_SIDECAR_CONFIG, type InjectionConfig, injectionConfig, SeksError } from '@seks/crds';

export interface SidecarConfig {
  injection: InjectionConfig;
  podName: string;
  namespace: string;
}

/**
 * reads the settings from environment variables
 *
 * @throws SeksError SEKS_CONFIG_INVALID naming every field that is wrong, never its value
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): SidecarConfig {
  const podName = required(env, 'POD_NAME');
  const namespace = required(env, 'POD_NAMESPACE');
  const parsed = injectionConfig.safeParse(parseJson(required(env, ENV_SIDECAR_CONFIG)));
  if (!parsed.success) {
    const fields = parsed.error.issues.map(({ path, code }) => `${path.join('.') || 'whole'} (${code})`);
    throw invalid(`${ENV_SIDECAR_CONFIG}: ${fields.join(', ')}.`);
  }
  if (parsed.data.namespace !== namespace) throw invalid(`${ENV_SIDECAR_CONFIG} is of another namespace.`);
  return { injection: parsed.data, podName, namespace };
}

function required(env: Readonly<Record<string, string | undefined>>, name: string): string {
  const value = env[name];
  if (value === undefined || value === '') throw invalid(`${name} is not set.`);
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(`${ENV_SIDECAR_CONFIG} is not JSON.`);
  }
}

function invalid(detail: string): SeksError {
  return new SeksError('SEKS_CONFIG_INVALID', detail);
}
