// The bench's provider: HTTPS, answers at once, costs as little as possible. Run as a process of its own.
//   node upstream.ts <key.pem> <cert.pem>      prints the port it listens on
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import process from 'node:process';

const EVENTS = 3;
const GAP_MS = 10;

const answer = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  model: 'gpt-bench',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'x'.repeat(800) } }],
  usage: { prompt_tokens: 200, completion_tokens: 180, total_tokens: 380 },
});
const event = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'x'.repeat(40) } }] })}\n\n`;
const lastEvent = `data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 200, completion_tokens: 20 } })}\n\n`;

const [keyFile = '', certFile = ''] = process.argv.slice(2);
const server = createServer(
  { key: readFileSync(keyFile), cert: readFileSync(certFile), keepAliveTimeout: 120_000 },
  (request, response) => {
    request.resume();
    request.once('end', () => {
      if (request.headers['x-bench-stream'] === undefined) {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length });
        response.end(answer);
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      let sent = 0;
      const timer = setInterval(() => {
        sent += 1;
        response.write(sent < EVENTS ? event : lastEvent);
        if (sent === EVENTS) {
          clearInterval(timer);
          response.end('data: [DONE]\n\n');
        }
      }, GAP_MS);
      response.write(event);
      response.once('close', () => clearInterval(timer));
    });
  },
);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') console.log(address.port);
});
