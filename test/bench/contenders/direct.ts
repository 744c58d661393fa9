// Nothing in between: what all others are compared with.
import { type Contender, ROUTE, WEB_SOCKET_ROUTE } from './contender.ts';

export const direct: Contender = {
  name: 'direct',
  about: 'the client speaks to the upstream itself',
  lanes: ['plain', 'tls'],
  async start({ lane, upstream, key }) {
    const base = {
      port: upstream.port,
      host: upstream.host,
      authorization: `Bearer ${key}`,
      ...(lane === 'tls' ? { tls: { servername: upstream.host, ca: upstream.ca } } : {}),
    };
    const endpoint = { ...base, path: ROUTE };
    return {
      version: '',
      endpoint,
      webSocket: { ...base, path: WEB_SOCKET_ROUTE },
      ...(lane === 'tls' ? { interception: endpoint } : {}),
    };
  },
};
