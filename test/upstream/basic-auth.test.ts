import { expect, test } from '@jest/globals';
import { basicCredential } from './basic-auth.ts';

const header = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

test.each([
  [header('user:pass'), { user: 'user', password: 'pass' }],
  [header('key:'), { user: 'key', password: '' }],
  [header('user:with:colons'), { user: 'user', password: 'with:colons' }],
  [header('x-access-token:ä').replace('Basic', 'basic'), { user: 'x-access-token', password: 'ä' }],
  [header('no colon'), undefined],
  ['Basic not base64', undefined],
  ['Bearer abc', undefined],
  [undefined, undefined],
])('%s', (authorization, expected) => {
  expect(basicCredential(authorization === undefined ? {} : { authorization })).toEqual(expected);
});
