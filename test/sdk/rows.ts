// Every scenario that is run.
import type { SdkRow } from './row.ts';
import { languageModelRows } from './rows/language-models.ts';
import { messengerRows } from './rows/messengers.ts';
import { serviceRows } from './rows/services.ts';
import { simpleApiRows } from './rows/simple-apis.ts';

export const SDK_ROWS: readonly SdkRow[] = [
  ...languageModelRows,
  ...messengerRows,
  ...serviceRows,
  ...simpleApiRows,
];

/** those that can be run with a real key and nothing in between */
export const DIRECT_ROWS = SDK_ROWS.filter((row) => row.onlyThroughSidecar !== true);
