import { expect, test } from '@jest/globals';

import { audiencesOfAuthorization, requireApiAudiences } from './api-audiences.ts';

const bearer = (claims: unknown): string =>
  `Bearer header.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`;

test('takes audiences and issuer of a token', () => {
  const issuer = 'https://oidc.example/id';
  expect(audiencesOfAuthorization(bearer({ aud: ['a', 'b'], iss: issuer }))).toEqual(['a', 'b', issuer]);
  expect(audiencesOfAuthorization(bearer({ aud: 'a' }))).toEqual(['a']);
});

test.each([
  ['no header', undefined],
  ['basic authentication', 'Basic dXNlcjpwYXNz'],
  ['a token that is no JWT', 'Bearer abc.%%%.def'],
  ['claims of another shape', bearer({ aud: 7 })],
  ['no claims', bearer(null)],
])('knows none from %s', (_, authorization) => {
  expect(audiencesOfAuthorization(authorization)).toEqual([]);
  // S7: without them an API token under its own name would pass.
  expect(() => requireApiAudiences(authorization)).toThrow(
    expect.objectContaining({ code: 'SEKS_CONFIG_INVALID' }),
  );
});
