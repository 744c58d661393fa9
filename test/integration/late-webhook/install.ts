// Puts the late webhook into the cluster, for the pods of one namespace.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeServerCertificate } from '../../harness/certificates.ts';
import type { Kubectl } from '../../harness/kubectl.ts';
import { makeNamespace, removeNamespaces } from '../own-namespace.ts';

export interface LateWebhook {
  remove(): Promise<void>;
}

const PORT = 8443;

/** webhooks are called in the order of their configurations' names, and this one's is after ours */
export async function installLateWebhook(
  kubectl: Kubectl,
  { image, forNamespace }: { image: string; forNamespace: string },
): Promise<LateWebhook> {
  const namespace = await makeNamespace(kubectl, 'late-webhook');
  const configuration = `zz-${namespace}`;
  const { caPem, certPem, keyPem } = await makeServerCertificate([`late.${namespace}.svc`], Date.now());
  const labels = { app: 'late' };
  await kubectl.apply(
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'late', namespace },
      stringData: {
        'tls.crt': certPem,
        'tls.key': keyPem,
        'server.ts': readFileSync(join(import.meta.dirname, 'server.ts'), 'utf8'),
        'package.json': '{"type":"module"}',
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'late', namespace },
      spec: { selector: labels, ports: [{ port: 443, targetPort: PORT }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'late', namespace, labels },
      spec: {
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'late',
            image,
            imagePullPolicy: 'IfNotPresent',
            command: ['node', '/hook/server.ts', '/hook', String(PORT)],
            volumeMounts: [{ name: 'hook', mountPath: '/hook', readOnly: true }],
            readinessProbe: { httpGet: { port: PORT, scheme: 'HTTPS' }, periodSeconds: 1 },
          },
        ],
        volumes: [{ name: 'hook', secret: { secretName: 'late' } }],
      },
    },
  );
  await kubectl.run(['wait', '--for=condition=Ready', 'pod/late', '-n', namespace, '--timeout=60s']);
  await kubectl.apply({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: configuration },
    webhooks: [
      {
        name: 'late.seks.test',
        admissionReviewVersions: ['v1'],
        clientConfig: {
          service: { name: 'late', namespace, path: '/', port: 443 },
          caBundle: Buffer.from(caPem).toString('base64'),
        },
        failurePolicy: 'Fail',
        sideEffects: 'None',
        timeoutSeconds: 5,
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': forNamespace } },
        objectSelector: { matchExpressions: [{ key: 'late', operator: 'Exists' }] },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
      },
    ],
  });
  return {
    async remove() {
      await kubectl.delete('mutatingwebhookconfiguration', [configuration]);
      await removeNamespaces(kubectl, namespace);
    },
  };
}
