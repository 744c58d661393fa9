import { expect, test } from '@jest/globals';
import { metricSum } from './metrics.ts';

const text = [
  '# TYPE seks_requests_total counter',
  'seks_requests_total{agent="a",code="200"} 15',
  'seks_requests_total{agent="a",code="403"} 2',
  'seks_requests_total{agent="b",code="200"} 1e3',
  'seks_requests_total_more{agent="a"} 7',
  'seks_foreign_token_total 4',
  '',
].join('\n');

test.each([
  ['seks_requests_total', {}, 1017],
  ['seks_requests_total', { agent: 'a' }, 17],
  ['seks_requests_total', { agent: 'a', code: '403' }, 2],
  ['seks_foreign_token_total', {}, 4],
  ['seks_absent_total', {}, 0],
])('%s %j is %d', (name, labels, sum) => {
  expect(metricSum(text, name, labels)).toBe(sum);
});
