// The usual way in Node: express and http-proxy-middleware, which swap one header. No checks, no scrubbing, no metering.
import { Agent as PlainAgent } from 'node:http';
import { Agent as SecureAgent } from 'node:https';

import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';

import { readBaselineConfig } from './baseline-config.ts';

const { port, origin, ca, fakeToken, key } = readBaselineConfig();
const agent = origin.startsWith('https:')
  ? new SecureAgent({ keepAlive: true, ca })
  : new PlainAgent({ keepAlive: true });

const proxy = createProxyMiddleware({
  target: origin,
  agent,
  changeOrigin: true,
  on: {
    proxyReq(request) {
      if (request.getHeader('authorization') === `Bearer ${fakeToken}`)
        request.setHeader('authorization', `Bearer ${key}`);
    },
    proxyReqWs(request) {
      if (request.getHeader('authorization') === `Bearer ${fakeToken}`)
        request.setHeader('authorization', `Bearer ${key}`);
    },
    error(_error, _request, response) {
      response.destroy();
    },
  },
});
const app = express().disable('x-powered-by').use(proxy);
const server = app.listen(port, '127.0.0.1');
server.on('upgrade', (request, socket, head) => proxy.upgrade(request, socket as never, head));
