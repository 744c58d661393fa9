// The least that Node can do with undici: swap one header and pass the rest. No checks, no scrubbing, no metering.
import { createServer } from 'node:http';

import { Pool } from 'undici';

import { readBaselineConfig } from './baseline-config.ts';

const { port, origin, ca, fakeToken, key } = readBaselineConfig();
const pool = new Pool(origin, { connections: null, pipelining: 1, connect: { ca }, bodyTimeout: 0 });

createServer((request, response) => {
  const { host: _host, connection: _connection, ...headers } = request.headers;
  if (headers.authorization !== `Bearer ${fakeToken}`) {
    response.writeHead(401).end();
    return;
  }
  headers.authorization = `Bearer ${key}`;
  const { method = 'GET', url = '/' } = request;
  pool
    .stream({ method, path: url, headers, body: method === 'GET' ? null : request }, (answer) => {
      const {
        connection: _hop,
        'keep-alive': _keepAlive,
        'transfer-encoding': _coding,
        ...passed
      } = answer.headers;
      response.writeHead(answer.statusCode, passed);
      response.flushHeaders();
      return response;
    })
    .catch(() => response.destroy());
}).listen({ port, host: '127.0.0.1', backlog: 1024 });
