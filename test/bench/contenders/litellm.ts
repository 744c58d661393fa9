// LiteLLM's proxy: an AI gateway in Python with virtual keys, here with its master key and no database.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { freePort } from '../child.ts';
import { pythonPackage } from '../peers/installers.ts';
import { obtainPeer, type Peer } from '../peers/obtain.ts';
import { MODELS } from '../upstream/answers.ts';
import { type Contender, ROUTE, upstreamOrigin } from './contender.ts';
import { startPeer } from './peer-process.ts';

const VERSION = '1.100.0';
const START_TIMEOUT_MS = 90_000;
/** it wants one that begins so */
const MASTER_KEY = 'sk-bench-master-0123456789';

const peer: Peer = {
  name: 'litellm',
  version: VERSION,
  program: 'bin/litellm',
  install: pythonPackage(`litellm[proxy]==${VERSION}`),
};

export const litellm: Contender = {
  name: 'LiteLLM',
  about: 'Python; AI gateway with virtual keys, metering',
  lanes: ['plain', 'tls'],
  async start(stage) {
    const { folder, lane, upstream, key } = stage;
    const program = await obtainPeer(peer, stage);
    const port = await freePort();
    const config = join(folder, 'config.yaml');
    // JSON is YAML, too.
    await writeFile(
      config,
      JSON.stringify({
        model_list: Object.values(MODELS).map((model) => ({
          model_name: model,
          litellm_params: {
            model: `openai/${model}`,
            api_base: `${upstreamOrigin(stage)}/v1`,
            api_key: 'os.environ/BENCH_PROVIDER_KEY',
          },
        })),
        litellm_settings: { telemetry: false, ...(lane === 'tls' ? { ssl_verify: upstream.caFile } : {}) },
        general_settings: { master_key: MASTER_KEY },
      }),
      { mode: 0o600 },
    );
    const child = await startPeer(stage, {
      program,
      args: ['--config', config, '--host', '127.0.0.1', '--port', String(port), '--telemetry', 'False'],
      env: {
        BENCH_PROVIDER_KEY: key,
        LITELLM_LOCAL_MODEL_COST_MAP: 'True',
        LITELLM_LOG: 'ERROR',
        ...(lane === 'tls' ? { SSL_CERT_FILE: upstream.caFile } : {}),
      },
      port,
      startTimeoutMs: START_TIMEOUT_MS,
    });
    return {
      version: VERSION,
      endpoint: {
        port,
        host: `127.0.0.1:${port}`,
        path: ROUTE,
        authorization: `Bearer ${MASTER_KEY}`,
      },
      child,
    };
  },
};
