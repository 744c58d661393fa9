// The volumes that the sidecar alone mounts, or fills: a pod in which they are other than the webhook made them is refused.
import { describe, expect, test } from '@jest/globals';

import { changed, refusal } from './testing/read-back.ts';

describe('verifyInjection: the private volume', () => {
  const at = 'spec.volumes (seks-private)';
  type Projection = { projected: { sources: Record<string, never>[]; defaultMode: number } };

  test.each<[string, string, (volume: Projection) => unknown]>([
    [
      'another type',
      `${at}.projected`,
      (v) => {
        Reflect.deleteProperty(v, 'projected');
        Object.assign(v, { emptyDir: {} });
      },
    ],
    [
      'a Secret more',
      `${at}.projected.sources`,
      (v) => v.projected.sources.push({ secret: { name: 'x' } as never }),
    ],
    [
      'another Secret',
      `${at}.projected.sources[0].secret.name`,
      (v) => Object.assign(v.projected.sources[0]?.['secret'] ?? {}, { name: 'x' }),
    ],
    [
      'every key of the Secret',
      `${at}.projected.sources[0].secret.items`,
      (v) => delete v.projected.sources[0]?.['secret']?.['items'],
    ],
    [
      'another audience',
      `${at}.projected.sources[1].serviceAccountToken.audience`,
      (v) => Object.assign(v.projected.sources[1]?.['serviceAccountToken'] ?? {}, { audience: 'x' }),
    ],
    ['another mode', `${at}.projected.defaultMode`, (v) => Object.assign(v.projected, { defaultMode: 511 })],
  ])('S3: refuses %s and names %s', (_, field, change) => {
    const pod = changed(({ spec }) => {
      change(spec.volumes?.find(({ name }) => name === 'seks-private') as unknown as Projection);
    });
    expect(refusal(pod)).toContain(field);
  });

  test('S3: refuses a pod without it', () => {
    expect(refusal(changed(({ spec }) => delete spec.volumes))).toContain('exactly one volume');
  });

  describe.each(['seks-private-run', 'seks-public'])('%s', (name) => {
    type Volume = Record<string, unknown>;
    test.each<[string, string, (volume: Volume) => unknown]>([
      [
        'on a disk',
        `spec.volumes (${name}).emptyDir.medium`,
        (v) => Object.assign(v, { emptyDir: { sizeLimit: name === 'seks-public' ? '4Mi' : '1Mi' } }),
      ],
      [
        'without a limit',
        `spec.volumes (${name}).emptyDir.sizeLimit`,
        (v) => Object.assign(v, { emptyDir: { medium: 'Memory' } }),
      ],
      [
        'that others can fill',
        `spec.volumes (${name})`,
        (v) => {
          delete v['emptyDir'];
          Object.assign(v, { persistentVolumeClaim: { claimName: 'shared' } });
        },
      ],
    ])('S1: is refused %s', (_, field, change) => {
      const pod = changed(({ spec }) => {
        change(spec.volumes?.find((volume) => volume.name === name) as Volume);
      });
      expect(refusal(pod)).toContain(field);
    });

    test('is refused where it is missing or there twice', () => {
      const without = changed(({ spec }) => {
        spec.volumes = (spec.volumes ?? []).filter((volume) => volume.name !== name);
      });
      expect(refusal(without)).toContain(`exactly one volume ${name}`);
      const twice = changed(({ spec }) => spec.volumes?.push({ name, emptyDir: {} }));
      expect(refusal(twice)).toContain(`exactly one volume ${name}`);
    });
  });
});
