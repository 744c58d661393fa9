// A DNS server for pods that shall meet the stub providers under the real names: answers for these itself and asks the cluster's
// server for all others. It runs in a container of the stubs' pod, as `node name-server.ts`.
//   NAMES_HOSTS    host names, separated by commas; a leading `*.` stands for one label
//   NAMES_ADDRESS  IPv4 address of all of them
//   NAMES_PORT     UDP port
import { createSocket } from 'node:dgram';
import { getServers } from 'node:dns';
import process from 'node:process';

const TYPE_A = 1;
const TTL_SECONDS = 5;
const HEADER_BYTES = 12;
const FORWARD_TIMEOUT_MS = 5_000;

const { env } = process;
const hosts = new Set((env['NAMES_HOSTS'] ?? '').split(','));
const address = Buffer.from((env['NAMES_ADDRESS'] ?? '').split('.').map(Number));
const [clusterServer = ''] = getServers();
const server = createSocket('udp4');

server.on('message', (query, { port, address: client }) => {
  const reply = (answer: Buffer): void => server.send(answer, port, client);
  const question = questionOf(query);
  if (question !== undefined && isOurs(question.name)) reply(answerTo(query, question));
  else forward(query, reply);
});
server.bind(Number(env['NAMES_PORT']), () => console.log('name server is listening'));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));

interface Question {
  readonly name: string;
  readonly type: number;
  /** where the question ends */
  readonly end: number;
}

/** RFC 1035 §4.1.2; `undefined` for what is no query with one question */
function questionOf(query: Buffer): Question | undefined {
  if (query.length < HEADER_BYTES || query.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  if (at + 5 > query.length) return undefined;
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function isOurs(name: string): boolean {
  return hosts.has(name) || hosts.has(name.replace(/^[^.]+/, '*'));
}

/** one A record, and nothing for any other type: RFC 1035 §4.1.3 */
function answerTo(query: Buffer, { type, end }: Question): Buffer {
  const answer = Buffer.from(query.subarray(0, end));
  // A response, with recursion wanted and available; nothing beside the question is kept, such as EDNS options.
  answer.writeUInt16BE(0x8180, 2);
  const answers = type === TYPE_A ? 1 : 0;
  for (const [index, count] of [answers, 0, 0].entries()) answer.writeUInt16BE(count, 6 + 2 * index);
  if (answers === 0) return answer;
  const record = Buffer.alloc(12);
  // the name of the question
  record.writeUInt16BE(0xc000 + HEADER_BYTES, 0);
  record.writeUInt16BE(TYPE_A, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(TTL_SECONDS, 6);
  record.writeUInt16BE(address.length, 10);
  return Buffer.concat([answer, record, address]);
}

/** a client that gets no answer asks again, so a failure needs no word */
function forward(query: Buffer, reply: (answer: Buffer) => void): void {
  const socket = createSocket('udp4');
  const end = (): void => {
    clearTimeout(timer);
    socket.close();
  };
  const timer = setTimeout(end, FORWARD_TIMEOUT_MS);
  socket.once('error', end);
  socket.once('message', (answer: Buffer) => {
    end();
    reply(answer);
  });
  socket.send(query, 53, clusterServer);
}
