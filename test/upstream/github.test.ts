import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { TEMP_CLONE_TOKEN } from './github-api.ts';
import { createGithubStub } from './github.ts';
import { serveStub, type StubAnswer, type StubServer } from './stub-server.ts';

const KEY = 'ghp_0123456789abcdef0123456789abcdefABCD';
const API = 'https://api.github.com';
const token = { authorization: `token ${KEY}` };
const basic = (text: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(text).toString('base64')}`,
});

const gitFolder = mkdtempSync(join(tmpdir(), 'stub-git-'));
let server: StubServer;
beforeAll(async () => {
  server = await serveStub(
    createGithubStub(() => gitFolder),
    { github: KEY },
  );
});
afterAll(() => {
  server.close();
  rmSync(gitFolder, { recursive: true });
});
beforeEach(() => server.record.clear());

/** `call` is a method and a URL */
function ask(call: string, headers: Record<string, string> = {}, body?: string): Promise<StubAnswer> {
  const [method = '', url = ''] = call.split(' ');
  return server.call(url, { method, headers, ...(body === undefined ? {} : { body }) });
}

describe('api.github.com', () => {
  test.each([{ authorization: `Bearer ${KEY}` }, token, basic(`user:${KEY}`)])(
    'takes %o',
    async (headers) => {
      const answer = await ask(`GET ${API}/user`, headers);
      expect(answer).toMatchObject({ status: 200, json: { login: 'octo-agent' } });
      expect(answer.headers).toMatchObject({ 'x-ratelimit-limit': '5000', 'x-ratelimit-resource': 'core' });
    },
  );

  test.each<Record<string, string>>([{}, { authorization: `token ${KEY}x` }, { 'x-api-key': KEY }])(
    'refuses %o',
    async (headers) => {
      const answer = await ask(`GET ${API}/user`, headers);
      expect(answer).toMatchObject({ status: 401, json: { message: 'Bad credentials' } });
    },
  );

  test('a repository has a token that clones, and an entity tag', async () => {
    const first = await ask(`GET ${API}/repos/acme/widgets`, token);
    expect(first.json).toMatchObject({ full_name: 'acme/widgets', temp_clone_token: TEMP_CLONE_TOKEN });
    const headers = { ...token, 'if-none-match': `W/${first.headers.etag}` };
    const second = await ask(`GET ${API}/repos/acme/widgets`, headers);
    expect([second.status, second.body.length]).toEqual([304, 0]);
  });

  test('pages name each other by absolute links', async () => {
    const first = await ask(`GET ${API}/repos/acme/widgets/issues?per_page=2`, token);
    const link = `${API}/repositories/1296269/issues?per_page=2&page=`;
    expect(first.headers.link).toBe(`<${link}2>; rel="next", <${link}3>; rel="last"`);
    const last = await ask(`GET ${link}3`, token);
    expect(last.json).toMatchObject([{ number: 5 }]);
    expect(last.headers.link).toBe(`<${link}2>; rel="prev", <${link}1>; rel="first"`);
  });

  test('a renamed repository leads to its number', async () => {
    const answer = await ask(`GET ${API}/repos/acme/old-name`, token);
    expect(answer).toMatchObject({ status: 301, headers: { location: `${API}/repositories/1296269` } });
    expect((await ask(`GET ${answer.headers.location}`, token)).json).toMatchObject({ name: 'widgets' });
  });

  test('the owner echo-key gets the key back', async () => {
    const answer = await ask(`GET ${API}/repos/echo-key/widgets`, token);
    expect(answer.json['description']).toBe(`Your key is ${KEY}, is it not?`);
    const header = await ask(`GET ${API}/repos/echo-key.header.hex/widgets`, token);
    expect(header.headers['x-echo']).toBe(Buffer.from(KEY).toString('hex'));
  });
});

describe('release assets', () => {
  async function signedUrl(): Promise<string> {
    const release = await ask(`POST ${API}/repos/acme/widgets/releases`, token, '{}');
    const uploadUrl = String(release.json['upload_url']);
    expect(uploadUrl).toMatch(/^https:\/\/uploads\.github\.com\/.*\{\?name,label\}$/);
    const upload = await ask(`POST ${uploadUrl.replace(/\{.*/, '?name=a.bin')}`, token, 'content');
    expect(upload).toMatchObject({ status: 201, json: { name: 'a.bin', size: 7 } });
    const headers = { ...token, accept: 'application/octet-stream' };
    const redirect = await ask(`GET ${String(upload.json['url'])}`, headers);
    expect(redirect.status).toBe(302);
    return redirect.headers.location ?? '';
  }

  test('are downloaded with the signature alone', async () => {
    const url = await signedUrl();
    expect(new URL(url).host).toBe('release-assets.githubusercontent.com');
    const answer = await ask(`GET ${url}`);
    expect([answer.status, answer.body.toString()]).toEqual([200, 'content']);
    expect(server.record.since(0).at(-1)?.credential).toBeUndefined();
  });

  test('are refused with a second authentication, even a good one', async () => {
    const answer = await ask(`GET ${await signedUrl()}`, token);
    expect(answer).toMatchObject({ status: 400 });
    expect(answer.json['message']).toContain('Only one auth mechanism');
  });

  test('are refused when the signature is another', async () => {
    const url = await signedUrl();
    expect((await ask(`GET ${url.replace(/sig=.../, 'sig=AAA')}`)).status).toBe(403);
    expect((await ask(`GET ${url.replace(/se=1/, 'se=2')}`)).status).toBe(403);
  });

  test('a tarball is on codeload.github.com', async () => {
    const redirect = await ask(`GET ${API}/repos/acme/widgets/tarball/main`, token);
    expect(new URL(redirect.headers.location ?? '').host).toBe('codeload.github.com');
    expect((await ask(`GET ${redirect.headers.location}`)).body.length).toBe(300_000);
  });
});

describe('github.com', () => {
  const refs = 'GET https://github.com/acme/widgets.git/info/refs?service=git-upload-pack';

  test('challenges whoever comes without a credential, or with another', async () => {
    const none = await ask(refs);
    expect(none).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Basic realm="GitHub"' } });
    expect((await ask(refs, basic(`x-access-token:${KEY}x`))).status).toBe(401);
    expect((await ask(refs, { authorization: `Bearer ${KEY}` })).status).toBe(401);
  });

  test.each([`x-access-token:${KEY}`, `${KEY}:x-oauth-basic`, `${KEY}:`])('serves Basic %s', async (text) => {
    const answer = await ask(refs, basic(text));
    expect(answer.headers['content-type']).toBe('application/x-git-upload-pack-advertisement');
    expect(answer.body.toString()).toContain('refs/heads/topic-60');
    expect(server.record.since(0)).toMatchObject([{ host: 'github.com', isExpectedKey: true }]);
  });

  test('leads only anonymous clients away from an old name', async () => {
    const old = refs.replace('widgets', 'old-name');
    expect(await ask(old)).toMatchObject({ status: 301, headers: { location: refs.slice(4) } });
    expect((await ask(old, basic(`x-access-token:${KEY}`))).status).toBe(200);
  });

  test('has nothing else', async () => {
    const answer = await ask('GET https://github.com/login/oauth', basic(`a:${KEY}`));
    expect(answer.status).toBe(404);
  });
});
