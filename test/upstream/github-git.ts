// github.com as git sees it: smart HTTP, done by git's own `http-backend` on repositories that are made when asked for.
import { spawn } from 'node:child_process';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { basicCredential } from './basic-auth.ts';
import type { GitRepositories } from './git-repositories.ts';
import type { HostStubDeps } from './host-stub.ts';
import { looksFake } from './record.ts';
import { requestUrl } from './request-url.ts';

const ROUTE = /^\/([\w.-]+)\/([\w.-]+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/;
/** the old name leads anonymous clients to the new one, and for others it goes on as if it were the new one */
const RENAMED = { from: 'old-name', to: 'widgets' };
const MAX_HEAD_BYTES = 16 * 1024;

export async function answerGit(
  repositories: GitRepositories,
  request: IncomingMessage,
  response: ServerResponse,
  deps: HostStubDeps,
): Promise<void> {
  const { method = 'GET', headers } = request;
  const url = requestUrl(request);
  const credential = gitCredential(headers);
  const accepted = credential !== undefined && deps.keys.accepts('github', credential);
  let bodyBytes = 0;
  /** from here on the body flows */
  const count = (): void => void request.on('data', (chunk: Buffer) => (bodyBytes += chunk.length));
  const record = (): void =>
    deps.record.add({
      atMs: deps.clock(),
      provider: 'github',
      method,
      path: url.pathname,
      queryNames: [...url.searchParams.keys()],
      host: headers.host ?? '',
      headerNames: Object.keys(headers),
      credential,
      isExpectedKey: accepted,
      isFakeToken: looksFake(credential),
      model: undefined,
      bodyBytes,
    });

  const [, owner = '', asked = '', action = ''] = ROUTE.exec(url.pathname) ?? [];
  const refusal = refuse(credential, accepted, action, asked, url);
  if (refusal !== undefined || credential === undefined) {
    count();
    await finished(request);
    record();
    const { status, more, text } = refusal ?? { status: 401, more: {}, text: '' };
    response.writeHead(status, { 'content-type': 'text/plain', ...more }).end(text);
    return;
  }
  const name = asked === RENAMED.from ? RENAMED.to : asked;
  const root = await repositories.ensure(owner, name);
  await runBackend(request, response, count, {
    // Only what CGI needs: nothing of this machine's git configuration counts.
    PATH: process.env['PATH'],
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    REQUEST_METHOD: method,
    PATH_INFO: `/${owner}/${name}.git/${action}`,
    QUERY_STRING: url.search.slice(1),
    REMOTE_USER: 'x-access-token',
    REMOTE_ADDR: '127.0.0.1',
    CONTENT_TYPE: headers['content-type'],
    // Without a length, as with chunked bodies, the backend reads to the end.
    CONTENT_LENGTH: headers['content-length'],
    HTTP_CONTENT_ENCODING: headers['content-encoding'],
    GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
    // The hook of repositories that repeat it prints this.
    STUB_KEY: credential,
  });
  record();
}

/** password of the user `x-access-token` or of anybody else, or the user when the password says so */
function gitCredential(headers: IncomingHttpHeaders): string | undefined {
  const basic = basicCredential(headers);
  if (basic === undefined) return undefined;
  return basic.password === '' || basic.password === 'x-oauth-basic' ? basic.user : basic.password;
}

interface Refusal {
  readonly status: number;
  /** further headers */
  readonly more: Readonly<Record<string, string>>;
  readonly text: string;
}

function refuse(
  credential: string | undefined,
  accepted: boolean,
  action: string,
  name: string,
  url: URL,
): Refusal | undefined {
  if (credential === undefined && name === RENAMED.from) {
    const location = `https://github.com${url.pathname.replace(RENAMED.from, RENAMED.to)}${url.search}`;
    return { status: 301, more: { location }, text: '' };
  }
  if (!accepted) {
    const text =
      credential === undefined
        ? 'No anonymous access.'
        : 'Invalid username or token. Use a personal access token.';
    return { status: 401, more: { 'www-authenticate': 'Basic realm="GitHub"' }, text };
  }
  if (action === '') return { status: 404, more: {}, text: 'Not Found' };
  return undefined;
}

/** CGI (RFC 3875): the request's body in, head and body of the answer out */
async function runBackend(
  request: IncomingMessage,
  response: ServerResponse,
  began: () => void,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const child = spawn('git', ['http-backend'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  const spawned = new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  response.once('close', () => child.kill());
  await spawned;
  // The backend may answer before it has read all, and then hangs up.
  const sent = pipeline(request, child.stdin).catch(() => undefined);
  began();
  await passAnswer(child.stdout, response);
  await sent;
}

async function passAnswer(output: Readable, response: ServerResponse): Promise<void> {
  let head: Buffer = Buffer.alloc(0);
  let isHead = true;
  await pipeline(
    output,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        if (!isHead) {
          yield chunk;
          continue;
        }
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf('\r\n\r\n');
        if (end === -1 && head.length > MAX_HEAD_BYTES) throw new Error('git http-backend sent no head');
        if (end === -1) continue;
        isHead = false;
        writeCgiHead(response, head.toString('latin1', 0, end));
        yield head.subarray(end + 4);
      }
    },
    response,
  );
}

function writeCgiHead(response: ServerResponse, head: string): void {
  for (const line of head.split('\r\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === 'status') response.statusCode = Number.parseInt(value, 10);
    else response.setHeader(name, value);
  }
}
