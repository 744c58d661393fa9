// Stub providers: one TLS server that imitates all of them, and a control port for the tests.
//   UPSTREAM_KEY_OPENAI, …_ANTHROPIC, …_DISCORD and so on   the keys to accept
//   UPSTREAM_TLS_CERT_FILE, UPSTREAM_TLS_KEY_FILE            PEM
//   UPSTREAM_PORT (8443), UPSTREAM_ADDRESS (all)             where the providers listen
//   UPSTREAM_CONTROL_PORT (8080)                             a port, or the path of a Unix socket
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createControl } from './control.ts';
import { createTlsServer } from './tls-server.ts';
import { keysFromEnvironment } from './keys.ts';
import { createRecord } from './record.ts';
import { createUpgrade } from './upgrade.ts';
import { createUpstream } from './upstream.ts';

const { env } = process;
const keys = keysFromEnvironment(env);
const record = createRecord();

const deps = { keys, record, clock: Date.now };

const upstream = createTlsServer(
  {
    cert: readFileSync(env['UPSTREAM_TLS_CERT_FILE'] ?? 'tls.crt'),
    key: readFileSync(env['UPSTREAM_TLS_KEY_FILE'] ?? 'tls.key'),
  },
  createUpstream(deps),
);
upstream.on('upgrade', createUpgrade(deps));
const control = createHttpServer(createControl(keys, record));

// Longer than any client keeps an idle connection: closing it first races with the client's next request.
for (const server of [upstream, control]) server.keepAliveTimeout = 600_000;

control.listen(env['UPSTREAM_CONTROL_PORT'] ?? '8080', () => {
  upstream.listen(Number(env['UPSTREAM_PORT'] ?? '8443'), env['UPSTREAM_ADDRESS'], () => {
    console.log('stub providers are listening');
  });
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  // At once: WebSockets and long polls would go on for as long as their clients like.
  process.once(signal, () => process.exit(0));
}
