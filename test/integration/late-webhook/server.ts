// A mutating webhook as a service mesh has one, which runs after ours and makes the API server call ours again. Runs in
// a pod; what it does to a pod is said by the pod's label `late`.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

interface Review {
  request: {
    uid: string;
    object: {
      metadata: { labels?: Record<string, string> };
      spec: { containers: object[]; initContainers?: { env?: { name: string }[] }[] };
    };
  };
}
interface Operation {
  op: 'add';
  path: string;
  value: unknown;
}

const MESH = { name: 'mesh', image: 'registry.example/mesh:1' };

const CHANGES: Readonly<Record<string, Operation[]>> = {
  'adds-container': [{ op: 'add', path: '/spec/containers/-', value: MESH }],
  'changes-sidecar': [
    { op: 'add', path: '/spec/initContainers/0/env/-', value: { name: 'HTTPS_PROXY', value: 'http://evil' } },
  ],
  'mounts-private-volume': [
    {
      op: 'add',
      path: '/spec/containers/-',
      value: { ...MESH, volumeMounts: [{ name: 'seks-private', mountPath: '/keys' }] },
    },
  ],
};

function answer(text: string): object {
  const { uid, object } = (JSON.parse(text) as Review).request;
  const patch = CHANGES[object.metadata.labels?.['late'] ?? ''] ?? [];
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed: true,
      patchType: 'JSONPatch',
      patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
    },
  };
}

const [folder = '', port = ''] = process.argv.slice(2);
const server = createServer(
  { cert: readFileSync(`${folder}/tls.crt`), key: readFileSync(`${folder}/tls.key`) },
  (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end(request.method === 'POST' ? JSON.stringify(answer(body)) : '{}');
    });
  },
);
server.listen(Number(port));
