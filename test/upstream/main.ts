// Stub providers: one TLS server that imitates OpenAI, Anthropic, Gemini and Groq, and a control port for the tests.
//   UPSTREAM_KEY_OPENAI, …_ANTHROPIC, …_GEMINI, …_GROQ   the keys to accept
//   UPSTREAM_TLS_CERT_FILE, UPSTREAM_TLS_KEY_FILE         PEM
//   UPSTREAM_PORT (8443), UPSTREAM_CONTROL_PORT (8080)
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createControl } from './control.ts';
import { keysFromEnvironment } from './keys.ts';
import { createRecord } from './record.ts';
import { createUpstream } from './upstream.ts';

const { env } = process;
const keys = keysFromEnvironment(env);
const record = createRecord();

const upstream = createHttpsServer(
  {
    cert: readFileSync(env['UPSTREAM_TLS_CERT_FILE'] ?? 'tls.crt'),
    key: readFileSync(env['UPSTREAM_TLS_KEY_FILE'] ?? 'tls.key'),
  },
  createUpstream({ keys, record, clock: Date.now }),
);
const control = createHttpServer(createControl(keys, record));

// Longer than any client keeps an idle connection: closing it first races with the client's next request.
for (const server of [upstream, control]) server.keepAliveTimeout = 600_000;

upstream.listen(Number(env['UPSTREAM_PORT'] ?? '8443'), () => console.log('stub providers are listening'));
control.listen(Number(env['UPSTREAM_CONTROL_PORT'] ?? '8080'));

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    for (const server of [upstream, control]) {
      server.close();
      server.closeAllConnections();
    }
  });
}
