// An agent that does not stop: one chat request after the other, through the OpenAI SDK without retries.
//   node loop.mjs [--interval MS] [--count N] [--until STATUS] [--model M] [--call chat|models] [--attached]
// --attached: ends when standard input does, as whoever started it with `kubectl exec` has then gone away.
// Prints one line of JSON for each request: begin and end in ms since 1970, status (0: no connection), code.
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import OpenAI from 'openai';

const { values } = parseArgs({
  options: {
    interval: { type: 'string', default: '1000' },
    count: { type: 'string', default: 'Infinity' },
    until: { type: 'string' },
    model: { type: 'string', default: 'gpt-5-mini' },
    // Listing models costs nothing at the real provider.
    call: { type: 'string', default: 'chat' },
    attached: { type: 'boolean', default: false },
  },
});
if (values.attached) process.stdin.resume().once('end', () => process.exit(0));
process.stdout.once('error', () => process.exit(0));

const client = new OpenAI({ maxRetries: 0 });
const body = { model: values.model, messages: [{ role: 'user', content: 'are you there?' }] };

for (let n = 0; n < Number(values.count); n++) {
  const begin = Date.now();
  const result = { status: 200 };
  try {
    await (values.call === 'models' ? client.models.list() : client.chat.completions.create(body));
  } catch (error) {
    result.status = error.status ?? 0;
    result.code = error.code ?? error.cause?.cause?.code ?? error.cause?.code;
  }
  console.log(JSON.stringify({ begin, end: Date.now(), ...result }));
  if (String(result.status) === values.until) break;
  await pause(Number(values.interval));
}
