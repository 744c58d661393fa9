import { describe, expect, test } from '@jest/globals';

import { createSidecarMetrics } from './sidecar-metrics.ts';

const labels = {
  agent: 'research',
  agent_container: 'planner',
  credential: 'openai',
  provider: 'openai',
  tier: 'user',
};
const common = 'agent="research",agent_container="planner",credential="openai",provider="openai",tier="user"';

describe('createSidecarMetrics', () => {
  test('counts under the common labels', async () => {
    const metrics = createSidecarMetrics('1');
    const series = metrics.for(labels);
    series.started();
    series.started();
    series.ended();
    series.finished('POST', 200, 1500);
    series.finished('POST', 200, 500);
    series.overhead(0.25);
    series.firstByte(100);
    series.denied('SEKS_ROUTE_DENIED');
    series.tokens({ input: 10, output: 20, cacheRead: 3 });
    series.scrubbed(2);
    series.foreignToken();
    metrics.audited('written');
    const text = await metrics.registry.metrics();
    for (const line of [
      `seks_requests_total{${common},method="POST",code="200"} 2`,
      `seks_request_duration_seconds_sum{${common}} 2`,
      `seks_request_duration_seconds_count{${common}} 2`,
      `seks_overhead_seconds_sum{${common}} 0.00025`,
      `seks_time_to_first_byte_seconds_sum{${common}} 0.1`,
      `seks_inflight_requests{${common}} 1`,
      `seks_denied_total{${common},code="SEKS_ROUTE_DENIED"} 1`,
      `seks_tokens_total{${common},type="input"} 10`,
      `seks_tokens_total{${common},type="cache_read"} 3`,
      `seks_leak_scrubbed_total{${common}} 2`,
      `seks_foreign_token_total{${common}} 1`,
      'seks_audit_events_total{result="written"} 1',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
  });

  test('S9: methods and statuses are capped', async () => {
    const metrics = createSidecarMetrics('1');
    metrics.for(labels).finished('INVENTED', 799, 1);
    expect(await metrics.registry.metrics()).toContain(
      `seks_requests_total{${common},method="OTHER",code="other"} 1\n`,
    );
  });

  test('equal labels are one series', () => {
    const metrics = createSidecarMetrics('1');
    expect(metrics.for({ ...labels })).toBe(metrics.for({ ...labels }));
    expect(metrics.for({ ...labels, tier: 'builder' })).not.toBe(metrics.for(labels));
  });
});
