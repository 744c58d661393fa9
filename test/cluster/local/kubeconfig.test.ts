import { expect, test } from '@jest/globals';
import { kubeconfigText } from './kubeconfig.ts';

test('a kubeconfig stands alone: certificates inside, context chosen', () => {
  const config = JSON.parse(kubeconfigText('CA', 'CERT', 'KEY')) as Record<string, unknown>;
  expect(config).toMatchObject({
    clusters: [{ cluster: { server: 'https://10.231.0.1:26443', 'certificate-authority-data': 'Q0E=' } }],
    users: [{ user: { 'client-certificate-data': 'Q0VSVA==', 'client-key-data': 'S0VZ' } }],
    'current-context': 'seks-test',
  });
});
