import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.ts';
import { apiServerUrl } from './addresses.ts';
import { readPem } from './certificates.ts';

/** With the certificates inside, so that the file can be copied anywhere. JSON is YAML. */
export function kubeconfigText(ca: string, certificate: string, key: string): string {
  const base64 = (pem: string): string => Buffer.from(pem).toString('base64');
  const name = 'seks-test';
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: apiServerUrl, 'certificate-authority-data': base64(ca) } }],
    users: [
      { name, user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) } },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** Writes the kubeconfig of one certificate and gives its text. */
export function writeKubeconfig(pkiDir: string, certificateName: string, path: string): string {
  const text = kubeconfigText(
    readPem(pkiDir, 'ca.crt'),
    readPem(pkiDir, `${certificateName}.crt`),
    readPem(pkiDir, `${certificateName}.key`),
  );
  writeFileAtomically(path, text, 0o600);
  return text;
}

export function componentKubeconfigPath(configDir: string, component: string): string {
  return join(configDir, `${component}.kubeconfig`);
}
