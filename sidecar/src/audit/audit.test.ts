import { describe, expect, test } from '@jest/globals';

import { createManualScheduler } from '../testing/manual-scheduler.ts';
import { type AuditEvent, type AuditSubject, createAudit } from './audit.ts';
import { createLineBatcher } from './line-batcher.ts';

const subject: AuditSubject = {
  agent: 'research',
  container: 'planner',
  binding: 'research',
  credential: 'openai',
  provider: 'openai',
  tier: 'user',
};

const event: AuditEvent = {
  action: 'request',
  method: 'POST',
  route: '/v1/**',
  decision: 'allow',
  code: undefined,
  status: 200,
  tokens: { input: 1, output: 2 },

  picodollars: undefined,
  partial: false,
  scrubbed: 0,
  latencyMs: 12.345678,
  requestId: 'r-1',
};

function write(of: AuditEvent, accepts = true, by = subject) {
  const lines: string[] = [];
  const results: string[] = [];
  const audit = createAudit({
    namespace: 'agents',
    pod: 'pod-0',
    wallClock: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6),
    sink: (line, told) => {
      lines.push(line);
      told(accepts);
    },
    result: (result) => results.push(result),
  });
  audit.for(by)(of);
  return { lines, results, parsed: JSON.parse(lines[0] ?? '') as Record<string, unknown> };
}

describe('createAudit', () => {
  test('writes one JSON line', () => {
    const { lines, results, parsed } = write(event);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[^\n]+\n$/);
    const { code: _code, partial: _partial, scrubbed: _scrubbed, ...plain } = event;
    expect(parsed).toEqual({
      ...subject,
      ...plain,
      event: 'audit',
      time: '2026-01-02T03:04:05.006Z',
      namespace: 'agents',
      pod: 'pod-0',
      latencyMs: 12.346,
    });
    expect(results).toEqual(['written']);
  });

  test('writes what is not usual where it happens', () => {
    const rare = {
      ...event,
      code: 'SEKS_UPSTREAM_TIMEOUT',
      partial: true,
      scrubbed: 3,
      tokens: undefined,
    } as const;
    expect(write(rare).parsed).toMatchObject({ code: 'SEKS_UPSTREAM_TIMEOUT', partial: true, scrubbed: 3 });
    expect(write(rare).parsed).not.toHaveProperty('tokens');
  });

  test('S9: nothing in a field can forge another one', () => {
    const quote = '","decision":"allow\n';
    const { lines, parsed } = write({ ...event, method: quote, route: quote }, true, {
      ...subject,
      agent: quote,
    });
    expect(parsed).toMatchObject({ method: quote, route: quote, agent: quote });
    expect(lines[0]?.match(/\n/g)).toHaveLength(1);
  });

  test('S9: writes no field that it does not know', () => {
    const { lines } = write({ ...event, body: 'CANARY', headers: { authorization: 'CANARY' } } as AuditEvent);
    expect(lines.join('')).not.toContain('CANARY');
  });

  test('tells of an event that was dropped', () => {
    expect(write(event, false).results).toEqual(['dropped']);
  });

  test('counts each event of a batch that was dropped, however it came to be written', async () => {
    const scheduler = createManualScheduler();
    const results: string[] = [];
    const lines = createLineBatcher({
      scheduler,
      write: () => false,
      maxDelayMs: 100,
      maxCharacters: 1000,
    });
    const audit = createAudit({
      namespace: 'agents',
      pod: 'pod-0',
      wallClock: () => 0,
      sink: lines.add,
      result: (result) => results.push(result),
    });
    const add = audit.for(subject);
    for (let i = 0; i < 10; i += 1) add(event);
    await scheduler.advance(100);
    expect(results).toEqual(Array.from({ length: 10 }, () => 'dropped'));
  });
});
