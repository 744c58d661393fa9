// Test help: attempts of a hostile agent, each followed by an honest request: once that has arrived, whatever the attempt let through
// has arrived, too.
import { expect } from '@jest/globals';
import { BUILT_IN_PROVIDERS } from '@seks/crds';

import { type SidecarRig, startSidecarRig } from '../../testing/sidecar-rig.ts';
import { fakeToken } from '../../testing/test-sidecar.ts';

export const KEY = 'sk-proj-CANARY/red+team=0123456789';
export const OTHER_KEY = 'sk-proj-CANARY-other-0123456789';
export const TOKEN = fakeToken('sk-proj-{token}');
export const OTHER_TOKEN = fakeToken('sk-proj-{token}');
export const AUTH = `Authorization: Bearer ${TOKEN}`;

/** a request as it is written down, right or wrong */
export interface Head {
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  readonly host?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
}

export interface RedTeamRig extends SidecarRig {
  /** what is left out is as it should be */
  bytes(head: Head): Buffer;
  /** sends it, then an honest request; returns the answers, and what the upstream saw before the honest one */
  attempt(attack: Buffer, answers?: number): Promise<{ answer: string; seen: string[] }>;
  /** the attempt comes to nothing */
  expectRefused(attack: Buffer): Promise<void>;
}

/** starts provider and sidecar */
export async function startRedTeam(): Promise<RedTeamRig> {
  const rig = await startSidecarRig((upstream) => {
    const openai = BUILT_IN_PROVIDERS.find(({ name }) => name === 'openai')?.spec;
    const provider = upstream.provider('openai', { allow: openai?.allow ?? [], deny: openai?.deny ?? [] });
    return [
      { provider, token: TOKEN, key: KEY, name: 'first' },
      { provider, token: OTHER_TOKEN, key: OTHER_KEY, name: 'second' },
    ];
  });
  const { sidecar, upstream } = rig;
  let marks = 0;

  async function attempt(attack: Buffer, answers = 1): Promise<{ answer: string; seen: string[] }> {
    const answer = await sidecar.raw(attack, answers);
    marks += 1;
    const mark = `/v1/mark-${marks}`;
    const honest = await fetch(`${sidecar.base}/openai${mark}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    expect(honest.status).toBe(200);
    const seen = upstream.seen.map(({ method, url }) => `${method} ${url}`);
    expect(seen.at(-1)).toBe(`GET ${mark}`);
    return { answer, seen: seen.slice(0, -1) };
  }

  return {
    ...rig,
    bytes({ method = 'GET', target = '/openai/v1/x', version = 'HTTP/1.1', ...rest }) {
      const { host = `127.0.0.1:${sidecar.port}`, headers = [AUTH], body = '' } = rest;
      const head = [`${method} ${target} ${version}`, `Host: ${host}`, ...headers].join('\r\n');
      return Buffer.from(`${head}\r\n\r\n${body}`, 'latin1');
    },
    attempt,
    async expectRefused(attack) {
      const { answer, seen } = await attempt(attack);
      // A body that breaks off has no answer but the end of its connection.
      if (answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 [45]\d\d [\s\S]*\r\nx-seks-error: SEKS_/);
      expect(seen).toEqual([]);
    },
  };
}
