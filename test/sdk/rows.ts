// Every scenario that is run.
import type { SdkRow } from './row.ts';
import { languageModelRows } from './rows/language-models.ts';
import { messengerRows } from './rows/messengers.ts';
import { serviceRows } from './rows/services.ts';

export const SDK_ROWS: readonly SdkRow[] = [...languageModelRows, ...messengerRows, ...serviceRows];
