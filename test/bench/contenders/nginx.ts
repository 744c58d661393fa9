// nginx as somebody would set it up who has one key and one token: a map from the token to the key, and nothing else.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { makeCertificates } from '../../../sidecar/src/testing/certificates.ts';
import { freePort } from '../child.ts';
import { type Contender, FAKE_TOKEN, ROUTE, type Stage, WEB_SOCKET_ROUTE } from './contender.ts';
import { startNginx } from './nginx-process.ts';

export const nginx: Contender = {
  name: 'nginx map',
  about: 'token to key by a map; no policy, no scrubbing, no metering, no audit',
  lanes: ['plain', 'tls'],
  async start(stage) {
    const { folder, upstream } = stage;
    const [port, tlsPort] = [await freePort(), await freePort()];
    const certificates = await makeCertificates([upstream.host]);
    await writeFile(join(folder, 'server.pem'), certificates.cert);
    await writeFile(join(folder, 'server.key'), certificates.key, { mode: 0o600 });
    const { child, version } = await startNginx(stage, { main: configuration(stage, port, tlsPort), port });
    const base = { port, host: `127.0.0.1:${port}`, authorization: `Bearer ${FAKE_TOKEN}` };
    return {
      version,
      endpoint: { ...base, path: ROUTE },
      webSocket: { ...base, path: WEB_SOCKET_ROUTE },
      interception: {
        ...base,
        port: tlsPort,
        host: upstream.host,
        path: ROUTE,
        tls: { servername: upstream.host, ca: certificates.ca },
      },
      child,
    };
  },
};

function configuration({ folder, lane, upstream, key }: Stage, port: number, tlsPort: number): string {
  const verified = `
    proxy_ssl_name ${upstream.host};
    proxy_ssl_server_name on;
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate ${upstream.caFile};`;
  const location = `
  location / {
    if ($provider_key = "") { return 401; }
    proxy_pass ${lane === 'tls' ? 'https' : 'http'}://provider;
    proxy_http_version 1.1;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Host ${upstream.host};
    proxy_set_header Authorization $provider_key;
    proxy_buffering off;
    proxy_request_buffering off;
    client_max_body_size 0;${lane === 'tls' ? verified : ''}
  }`;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `  ${name}_temp_path ${folder}/temp/${name};`,
  );
  return `
http {
  access_log off;
${temporary.join('\n')}
  keepalive_requests 100000000;
  map_hash_bucket_size 256;
  map $http_authorization $provider_key { default ""; "Bearer ${FAKE_TOKEN}" "Bearer ${key}"; }
  map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
  upstream provider { server 127.0.0.1:${upstream.port}; keepalive 600; keepalive_requests 100000000; }
  server { listen 127.0.0.1:${port} backlog=1024;${location}
  }
  server {
    listen 127.0.0.1:${tlsPort} ssl backlog=1024;
    ssl_certificate ${folder}/server.pem;
    ssl_certificate_key ${folder}/server.key;
    ssl_protocols TLSv1.2 TLSv1.3;${location}
  }
}
`;
}
