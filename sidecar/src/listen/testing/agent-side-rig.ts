// Test help: the agent's port with the credentials of two providers behind it, and what one sends to it.
import { type SidecarRig, startSidecarRig } from '../../testing/sidecar-rig.ts';
import { fakeToken } from '../../testing/test-sidecar.ts';

export const OPENAI_KEY = 'sk-proj-CANARY-openai-0123456789';
export const CLAUDE_KEY = 'sk-ant-CANARY-claude-0123456789';
export const OPENAI_TOKEN = fakeToken('sk-proj-{token}');
export const CLAUDE_TOKEN = fakeToken('sk-ant-api03-{token}');
/** of another pod */
export const FOREIGN_TOKEN = fakeToken('sk-proj-{token}');
export const AUTH = `Authorization: Bearer ${OPENAI_TOKEN}`;

/** what is never to be written down */
export const SECRETS = ['CANARY', OPENAI_TOKEN, CLAUDE_TOKEN, FOREIGN_TOKEN, OPENAI_KEY, CLAUDE_KEY];

export interface AgentSideRig extends SidecarRig {
  post(path: string, headers: Record<string, string>, body?: string): Promise<Response>;
  /** a request as bytes; `headers` are all but Host */
  bytes(requestLine: string, headers: string[], body?: string): string;
}

/** starts provider and sidecar */
export async function startAgentSide(): Promise<AgentSideRig> {
  const rig = await startSidecarRig((upstream) => {
    const place = { agent: 'research', container: 'planner' };
    const openai = upstream.provider('openai', {
      deny: [{ paths: ['/v1/organization', '/v1/organization/**'] }],
    });
    const anthropic = upstream.provider('anthropic', {
      auth: [{ header: { name: 'x-api-key' } }, { header: { name: 'authorization', scheme: 'Bearer' } }],
    });
    return [
      { provider: openai, token: OPENAI_TOKEN, key: OPENAI_KEY, bindingUid: 'b-openai', ...place },
      {
        provider: anthropic,
        token: CLAUDE_TOKEN,
        key: CLAUDE_KEY,
        bindingUid: 'b-claude',
        tier: 'builder',
        ...place,
      },
    ];
  });
  const { base, port } = rig.sidecar;
  return {
    ...rig,
    post: async (path, headers, body = '{}') => fetch(base + path, { method: 'POST', headers, body }),
    bytes: (requestLine, headers, body = '') =>
      `${[requestLine, `Host: 127.0.0.1:${port}`, ...headers].join('\r\n')}\r\n\r\n${body}`,
  };
}
