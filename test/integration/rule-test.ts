// Prometheus rules over made-up time: series go in, and what must fire at which moment is compared by promtool.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attempt } from '../cluster/command.ts';

type Labels = Readonly<Record<string, string>>;

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Labels;
  readonly annotations: Labels;
}

/** `spec` of a PrometheusRule */
export interface RuleGroups {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

/** a series and its values every {@link STEP_SECONDS} from second 0 on, in promtool's notation, e.g. `_x3 1+0x20` */
export interface InputSeries {
  readonly series: string;
  readonly values: string;
}

/** everything that fires at a moment, and nothing else may */
export interface Moment {
  readonly minute: number;
  readonly firing: readonly Labels[];
}

export const STEP_SECONDS = 30;

/** what promtool says about moments that are not as expected; empty if all are */
export async function failedMoments(
  promtool: string,
  spec: RuleGroups,
  input: readonly InputSeries[],
  moments: readonly Moment[],
): Promise<string> {
  const expectations = moments.map(({ minute, firing }) => ({
    expr: 'ALERTS{alertstate="firing"}',
    eval_time: `${minute * 60}s`,
    exp_samples: firing.map((labels) => ({
      labels: selector('ALERTS', { ...labels, alertstate: 'firing' }),
      value: 1,
    })),
  }));
  return runTest(promtool, spec, { input_series: input, promql_expr_test: expectations });
}

/** what promtool says if an alert does not fire at a minute with exactly these labels and annotations */
export async function failedAlert(
  promtool: string,
  spec: RuleGroups,
  input: readonly InputSeries[],
  expected: { minute: number; alert: string; labels: Labels; annotations: Labels },
): Promise<string> {
  const { minute, alert, labels, annotations } = expected;
  const alerts = [{ exp_labels: labels, exp_annotations: annotations }];
  const expectation = { eval_time: `${minute * 60}s`, alertname: alert, exp_alerts: alerts };
  return runTest(promtool, spec, { input_series: input, alert_rule_test: [expectation] });
}

/** a series in Prometheus' notation */
export function selector(name: string, labels: Labels): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return `${name}{${pairs.join()}}`;
}

async function runTest(promtool: string, spec: RuleGroups, oneTest: object): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'seks-rules-'));
  try {
    // JSON is YAML as well.
    await writeFile(join(folder, 'rules.yml'), JSON.stringify(spec));
    const interval = `${STEP_SECONDS}s`;
    const file = join(folder, 'test.yml');
    const content = {
      rule_files: ['rules.yml'],
      evaluation_interval: interval,
      tests: [{ interval, ...oneTest }],
    };
    await writeFile(file, JSON.stringify(content));
    const { code, stdout, stderr } = await attempt(promtool, ['test', 'rules', file]);
    return code === 0 ? '' : `${stdout}${stderr}`;
  } finally {
    await rm(folder, { recursive: true });
  }
}
