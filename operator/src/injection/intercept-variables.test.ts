import { describe, expect, test } from '@jest/globals';
import type { InterceptMode } from '@seks/crds';

import { amenitiesOf, proxyBypass } from './intercept-variables.ts';

function variables(...modes: InterceptMode[]): Map<string, string> {
  return new Map(
    amenitiesOf(new Set(modes)).flatMap(({ names, value }) => names.map((name) => [name, value] as const)),
  );
}

describe('amenitiesOf', () => {
  test('BaseURL changes no trust store: it only adds the pod’s CA where that is all it does', () => {
    expect([...variables('BaseURL')]).toEqual([['NODE_EXTRA_CA_CERTS', '/var/run/seks/public/ca.pem']]);
  });

  test.each<InterceptMode>(['HostAlias', 'Proxy'])(
    '%s gives a bundle with public roots to all that replace theirs',
    (mode) => {
      const found = variables('BaseURL', mode);
      expect(found.get('NODE_EXTRA_CA_CERTS')).toBe('/var/run/seks/public/ca.pem');
      expect(found.get('DENO_CERT')).toBe('/var/run/seks/public/ca.pem');
      for (const name of [
        'SSL_CERT_FILE',
        'REQUESTS_CA_BUNDLE',
        'CURL_CA_BUNDLE',
        'GIT_SSL_CAINFO',
        'AWS_CA_BUNDLE',
        'CODEX_CA_CERTIFICATE',
      ]) {
        expect([name, found.get(name)]).toEqual([name, '/var/run/seks/public/ca-bundle.pem']);
      }
    },
  );

  test('Proxy alone sets a proxy, in both spellings', () => {
    const found = variables('Proxy');
    expect(found.get('HTTPS_PROXY')).toBe('http://127.0.0.1:15080');
    expect(found.get('https_proxy')).toBe('http://127.0.0.1:15080');
    expect(found.get('NODE_USE_ENV_PROXY')).toBe('1');
    expect(variables('HostAlias').has('HTTPS_PROXY')).toBe(false);
  });
});

test.each([
  ['https://seks-keyservice.seks.svc.cluster.local:8443', '.cluster.local'],
  ['https://seks-keyservice.seks.svc.corp.example:8443', '.corp.example'],
])('proxyBypass of %s holds loopback, Services and %s', (url, domain) => {
  expect(proxyBypass(url)).toEqual(['127.0.0.1', 'localhost', '.svc', domain]);
});
