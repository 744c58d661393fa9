// api.github.com and uploads.github.com: the routes that agents use, with the absolute URLs that the real answers have.
import { createHash } from 'node:crypto';
import type { SignedFiles } from './github-files.ts';
import { jsonReply, type Reply } from './reply.ts';
import { heard, withEcho, type RestCall } from './rest-call.ts';

const API = 'https://api.github.com';
const REPOSITORY_ID = 1_296_269;
const LOGIN = 'octo-agent';
const RENAMED = { from: 'old-name', to: 'widgets' };
const ISSUE_COUNT = 5;
const RELEASE_ID = 7001;
/** a token that clones: the real API has one in each repository, an empty one where it is public */
export const TEMP_CLONE_TOKEN = 'ATEMPCLONETOKENOFTHESTUB';

export function answerApi(call: RestCall, files: SignedFiles): Reply {
  if (!call.accepted) return failure(call, 401, 'Bad credentials');
  if (call.host === 'uploads.github.com') return upload(call, files) ?? failure(call, 404, 'Not Found');
  const reply = fixedRoute(call) ?? repositoryRoute(call, files) ?? failure(call, 404, 'Not Found');
  return { ...reply, headers: { ...rateLimit(call), ...reply.headers } };
}

function failure(call: RestCall, status: number, message: string): Reply {
  const body = { message, documentation_url: 'https://docs.github.com/rest', status: String(status) };
  return jsonReply(body, status, rateLimit(call));
}

function rateLimit(call: RestCall): Record<string, string> {
  return {
    'x-ratelimit-limit': '5000',
    'x-ratelimit-remaining': '4999',
    'x-ratelimit-used': '1',
    'x-ratelimit-reset': String(Math.floor(call.nowMs / 1000) + 3600),
    'x-ratelimit-resource': call.path === '/graphql' ? 'graphql' : 'core',
    'x-github-media-type': 'github.v3; format=json',
    'x-github-request-id': call.newId(''),
  };
}

function fixedRoute(call: RestCall): Reply | undefined {
  switch (`${methodOf(call)} ${call.path}`) {
    case 'GET /user':
      return jsonReply({
        login: LOGIN,
        id: 1,
        type: 'User',
        url: `${API}/users/${LOGIN}`,
        plan: { name: 'free' },
      });
    // Asked by `gh auth status`: whether the token is good, and for what.
    case 'GET /':
      return jsonReply({ current_user_url: `${API}/user` }, 200, {
        'x-oauth-scopes': 'gist, read:org, repo',
      });
    case 'POST /graphql':
      return jsonReply({ data: { viewer: { login: LOGIN } } });
    default:
      return undefined;
  }
}

/** HEAD is answered as GET: the server leaves the body out */
function methodOf(call: RestCall): string {
  return call.method === 'HEAD' ? 'GET' : call.method;
}

interface RepositoryPath {
  readonly owner: string;
  readonly name: string;
  /** what follows, without a slash before it */
  readonly rest: string;
}

/** by name, or by number as links in answers have it */
function repositoryPath(path: string): RepositoryPath | undefined {
  const [, owner, name, rest = ''] = /^\/repos\/([^/]+)\/([^/]+)(?:\/(.*))?$/.exec(path) ?? [];
  if (owner !== undefined && name !== undefined) return { owner, name, rest };
  const numbered = /^\/repositories\/1296269(?:\/(.*))?$/.exec(path);
  return numbered === null ? undefined : { owner: 'acme', name: RENAMED.to, rest: numbered[1] ?? '' };
}

function repositoryRoute(call: RestCall, files: SignedFiles): Reply | undefined {
  const found = repositoryPath(call.path);
  if (found === undefined) return undefined;
  const { owner, name, rest } = found;
  if (name === RENAMED.from) {
    const url = `${API}/repositories/${REPOSITORY_ID}${rest === '' ? '' : `/${rest}`}`;
    return jsonReply({ message: 'Moved Permanently', url }, 301, { location: url });
  }
  const base = `${API}/repos/${owner}/${name}`;
  const route = `${methodOf(call)} ${rest}`;
  if (route === 'GET ') return repository(call, owner, name);
  if (route === 'GET issues') return issues(call, base);
  if (route === 'POST releases') return jsonReply(release(call, owner, name), 201);
  if (route.startsWith('GET tarball/')) {
    const ref = rest.slice('tarball/'.length);
    const location = files.archiveUrl(owner, name, ref, call.nowMs);
    return { status: 302, headers: { location, 'content-length': '0' }, parts: [] };
  }
  const assetId = /^GET releases\/assets\/(\d+)$/.exec(route)?.[1];
  return assetId === undefined ? undefined : asset(call, files, Number(assetId), base);
}

function repository(call: RestCall, owner: string, name: string): Reply {
  const base = `${API}/repos/${owner}/${name}`;
  const body = {
    id: REPOSITORY_ID,
    name,
    full_name: `${owner}/${name}`,
    owner: { login: owner, id: 2, url: `${API}/users/${owner}` },
    private: true,
    description: heard(call, owner, 'The stub has a repository.'),
    url: base,
    html_url: `https://github.com/${owner}/${name}`,
    clone_url: `https://github.com/${owner}/${name}.git`,
    archive_url: `${base}/{archive_format}{/ref}`,
    releases_url: `${base}/releases{/id}`,
    default_branch: 'main',
    temp_clone_token: TEMP_CLONE_TOKEN,
    permissions: { admin: false, push: true, pull: true },
  };
  const etag = `"${createHash('sha256').update(JSON.stringify(body)).digest('hex')}"`;
  const headers = {
    etag,
    'cache-control': 'private, max-age=60, s-maxage=60',
    vary: 'Accept, Authorization',
  };
  const known = call.headers['if-none-match']?.replace(/^W\//, '');
  if (known === etag) return { status: 304, headers, parts: [] };
  return withEcho(call, owner, jsonReply(body, 200, headers));
}

function issues(call: RestCall, base: string): Reply {
  const size = Math.max(1, Number(call.query.get('per_page') ?? '30'));
  const page = Math.max(1, Number(call.query.get('page') ?? '1'));
  const last = Math.ceil(ISSUE_COUNT / size);
  const numbers = Array.from({ length: ISSUE_COUNT }, (_, index) => index + 1);
  const body = numbers.slice((page - 1) * size, page * size).map((number) => ({
    id: 9000 + number,
    number,
    title: `Issue ${number}`,
    state: 'open',
    url: `${base}/issues/${number}`,
  }));
  const link = (to: number, rel: string): string =>
    `<${API}/repositories/${REPOSITORY_ID}/issues?per_page=${size}&page=${to}>; rel="${rel}"`;
  const links = [
    ...(page > 1 ? [link(page - 1, 'prev')] : []),
    ...(page < last ? [link(page + 1, 'next'), link(last, 'last')] : []),
    ...(page > 1 ? [link(1, 'first')] : []),
  ];
  return jsonReply(body, 200, { link: links.join(', ') });
}

function release(call: RestCall, owner: string, name: string): Record<string, unknown> {
  const base = `${API}/repos/${owner}/${name}/releases/${RELEASE_ID}`;
  return {
    id: RELEASE_ID,
    tag_name: call.json?.['tag_name'] ?? '',
    name: call.json?.['name'] ?? null,
    url: base,
    assets_url: `${base}/assets`,
    // A URI template (RFC 6570) on another host.
    upload_url: `https://uploads.github.com/repos/${owner}/${name}/releases/${RELEASE_ID}/assets{?name,label}`,
    assets: [],
  };
}

function upload(call: RestCall, files: SignedFiles): Reply | undefined {
  const [, owner, name] = /^\/repos\/([^/]+)\/([^/]+)\/releases\/7001\/assets$/.exec(call.path) ?? [];
  const fileName = call.query.get('name');
  if (owner === undefined || name === undefined || call.method !== 'POST') return undefined;
  if (fileName === null) return failure(call, 422, 'Validation Failed');
  const contentType = call.headers['content-type'] ?? 'application/octet-stream';
  const id = files.add({ name: fileName, contentType, bytes: call.body });
  return jsonReply(assetBody(files, id, `${API}/repos/${owner}/${name}`), 201, rateLimit(call));
}

function asset(call: RestCall, files: SignedFiles, id: number, base: string): Reply | undefined {
  if (files.get(id) === undefined) return undefined;
  if (call.headers.accept !== 'application/octet-stream') return jsonReply(assetBody(files, id, base));
  const location = files.assetUrl(id, call.nowMs);
  return { status: 302, headers: { location, 'content-length': '0' }, parts: [] };
}

function assetBody(files: SignedFiles, id: number, base: string): Record<string, unknown> {
  const file = files.get(id);
  return {
    id,
    name: file?.name,
    label: null,
    state: 'uploaded',
    content_type: file?.contentType,
    size: file?.bytes.length,
    url: `${base}/releases/assets/${id}`,
  };
}
