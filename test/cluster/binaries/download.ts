import { createHash } from 'node:crypto';
import { StepFailed } from '../failures.ts';
import type { Download } from './catalogue.ts';

export interface DownloadLimits {
  /** For the checksum, which also shows whether the site can be reached at all */
  readonly connectTimeoutMs: number;
  readonly transferTimeoutMs: number;
}

export const usualLimits: DownloadLimits = { connectTimeoutMs: 3_000, transferTimeoutMs: 300_000 };

export type Fetch = (url: string, init: { signal: AbortSignal }) => Promise<Response>;

/**
 * The downloaded bytes, checked against the published SHA-256; undefined where the site cannot be reached or has no
 * such file. Bytes that do not match their checksum are an error, never a reason to try elsewhere quietly.
 */
export async function fetchChecked(
  download: Download,
  limits: DownloadLimits = usualLimits,
  fetchUrl: Fetch = fetch,
): Promise<Buffer | undefined> {
  const expected = await fetchChecksum(download, limits.connectTimeoutMs, fetchUrl);
  if (expected === undefined) return undefined;
  let bytes: Buffer;
  try {
    const response = await fetchUrl(download.url, { signal: AbortSignal.timeout(limits.transferTimeoutMs) });
    if (!response.ok) return undefined;
    bytes = Buffer.from(await response.arrayBuffer());
  } catch {
    return undefined;
  }
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (actual !== expected) {
    throw new StepFailed(
      `${download.url} has the SHA-256 ${actual}, but ${download.checksumUrl} says ${expected}`,
    );
  }
  return bytes;
}

async function fetchChecksum(
  download: Download,
  timeoutMs: number,
  fetchUrl: Fetch,
): Promise<string | undefined> {
  try {
    const response = await fetchUrl(download.checksumUrl, { signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) return undefined;
    const word = (await response.text()).trim().split(/\s+/)[0]?.toLowerCase() ?? '';
    return /^[0-9a-f]{64}$/.test(word) ? word : undefined;
  } catch {
    return undefined;
  }
}
