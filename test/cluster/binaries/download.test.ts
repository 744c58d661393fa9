import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { fetchChecked, usualLimits, type Fetch } from './download.ts';

const download = { url: 'https://site.test/helm', checksumUrl: 'https://site.test/helm.sha256' };
const sha256 = createHash('sha256').update('binary').digest('hex');

const site =
  (files: Record<string, string>): Fetch =>
  (url) => {
    const text = files[url];
    return Promise.resolve(text === undefined ? new Response('', { status: 404 }) : new Response(text));
  };

const unreachable: Fetch = () => Promise.reject(new TypeError('fetch failed'));

test('bytes that match their checksum', async () => {
  const bytes = await fetchChecked(
    download,
    usualLimits,
    site({ [download.url]: 'binary', [download.checksumUrl]: `${sha256}  helm\n` }),
  );
  expect(bytes?.toString()).toBe('binary');
});

test('bytes that do not match are an error', async () => {
  const files = site({ [download.url]: 'tampered', [download.checksumUrl]: sha256 });
  await expect(fetchChecked(download, usualLimits, files)).rejects.toThrow('has the SHA-256');
});

test.each([
  ['a site that cannot be reached', unreachable],
  ['a site without the checksum', site({ [download.url]: 'binary' })],
  ['a checksum that is a login page', site({ [download.url]: 'binary', [download.checksumUrl]: '<html>' })],
  ['a site without the file', site({ [download.checksumUrl]: sha256 })],
])('nothing from %s', async (_what, files) => {
  await expect(fetchChecked(download, usualLimits, files)).resolves.toBeUndefined();
});
