import { describe, expect, test } from '@jest/globals';

import { type AuditEvent, createAudit } from './audit.ts';

const event: AuditEvent = {
  action: 'request',
  agent: 'research',
  container: 'planner',
  binding: 'research',
  credential: 'openai',
  provider: 'openai',
  tier: 'user',
  method: 'POST',
  route: '/v1/**',
  decision: 'allow',
  status: 200,
  tokens: { input: 1, output: 2 },
  latencyMs: 12.345678,
  requestId: 'r-1',
};

function write(of: AuditEvent, accepts = true) {
  const lines: string[] = [];
  const results: string[] = [];
  const audit = createAudit({
    namespace: 'agents',
    pod: 'pod-0',
    wallClock: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6),
    sink: (line) => {
      lines.push(line);
      return accepts;
    },
    result: (result) => results.push(result),
  });
  audit.write(of);
  return { lines, results };
}

describe('createAudit', () => {
  test('writes one JSON line', () => {
    const { lines, results } = write(event);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[^\n]+\n$/);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      ...event,
      event: 'audit',
      time: '2026-01-02T03:04:05.006Z',
      namespace: 'agents',
      pod: 'pod-0',
      latencyMs: 12.346,
    });
    expect(results).toEqual(['written']);
  });

  test('S9: writes no field that it does not know', () => {
    const { lines } = write({ ...event, body: 'CANARY', headers: { authorization: 'CANARY' } } as AuditEvent);
    expect(lines.join('')).not.toContain('CANARY');
  });

  test('tells of an event that was dropped', () => {
    expect(write(event, false).results).toEqual(['dropped']);
  });
});
