// A relay that passes bytes without looking at them: the floor for everything that is a process in between. nginx's stream module is
// one event loop in C; socat would be a process for each of 512 connections, and a relay in Node would measure Node.
import { freePort } from '../child.ts';
import { type Contender, ROUTE, WEB_SOCKET_ROUTE } from './contender.ts';
import { startNginx } from './nginx-process.ts';

export const relay: Contender = {
  name: 'TCP relay',
  about: 'blind: passes bytes, swaps nothing (nginx stream module)',
  lanes: ['plain', 'tls'],
  async start(stage) {
    const { lane, upstream, key } = stage;
    const port = await freePort();
    const main = `
stream {
  access_log off;
  tcp_nodelay on;
  server { listen 127.0.0.1:${port} backlog=1024; proxy_pass 127.0.0.1:${upstream.port}; }
}
`;
    const { child, version } = await startNginx(stage, { main, port, stream: true });
    const base = {
      port,
      host: upstream.host,
      authorization: `Bearer ${key}`,
      ...(lane === 'tls' ? { tls: { servername: upstream.host, ca: upstream.ca } } : {}),
    };
    const endpoint = { ...base, path: ROUTE };
    return {
      version: `nginx ${version}`,
      endpoint,
      webSocket: { ...base, path: WEB_SOCKET_ROUTE },
      ...(lane === 'tls' ? { interception: endpoint } : {}),
      child,
    };
  },
};
