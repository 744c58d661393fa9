import { expect, test } from '@jest/globals';
import { stubForHost, type HostStub } from './host-stub.ts';

const stub = (name: HostStub['name'], hosts: string[]): HostStub => ({
  name,
  hosts,
  handle: () => Promise.resolve(),
});
const stubs = [stub('slack', ['slack.com', '*.slack.com']), stub('github', ['api.github.com'])];

test.each([
  ['slack.com', 'slack'],
  ['wss-primary.slack.com:443', 'slack'],
  ['API.GitHub.com', 'github'],
  ['a.b.slack.com', undefined],
  ['.slack.com', undefined],
  ['evilslack.com', undefined],
  ['github.com', undefined],
  [undefined, undefined],
])('%s is of %s', (host, name) => {
  expect(stubForHost(stubs, host)?.name).toBe(name);
});
