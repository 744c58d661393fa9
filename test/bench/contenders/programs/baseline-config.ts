// What the two bare Node baselines are told.
import { readFileSync } from 'node:fs';

export interface BaselineConfig {
  port: number;
  /** `https://localhost:1234` or `http://127.0.0.1:1234` */
  origin: string;
  /** PEM of the upstream's CA */
  ca: string;
  fakeToken: string;
  key: string;
}

export function readBaselineConfig(): BaselineConfig {
  return JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as BaselineConfig;
}
