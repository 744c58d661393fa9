import { describe, expect, test } from '@jest/globals';
import { setOfBinary, toolSources } from './catalogue.ts';

test('every binary belongs to one set', () => {
  const all = Object.values(toolSources).flatMap((source) => source.binaries);
  expect(new Set(all).size).toBe(all.length);
  expect(setOfBinary('kubectl')).toBe('kubernetes');
  expect(setOfBinary('etcd')).toBeUndefined();
});

describe('every download', () => {
  const downloads = Object.values(toolSources).flatMap((source) =>
    source.binaries
      .map((binary) => source.download(binary, 'amd64'))
      .filter((download) => download !== undefined),
  );
  test.each(downloads)('$url has a checksum, and both come over TLS', ({ url, checksumUrl }) => {
    expect(url).toMatch(/^https:/);
    expect(checksumUrl).toMatch(/^https:.*\.sha256(sum)?$/);
  });
});

test('Helm learns which Kubernetes it stands before without a cluster', () => {
  expect(toolSources.helm.goLinkerVariables['helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor']).toBe(
    toolSources.kubernetes.version.split('.')[1],
  );
});
