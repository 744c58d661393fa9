// An agent that works with GitHub's API through Octokit, which reads no environment: token and address are options.
import { createHash, randomBytes } from 'node:crypto';
import { Octokit } from '@octokit/rest';
import { expect, runSteps } from './steps.mjs';

const { GITHUB_TOKEN, GITHUB_API_URL } = process.env;
const octokit = new Octokit({
  auth: GITHUB_TOKEN,
  ...(GITHUB_API_URL === undefined ? {} : { baseUrl: GITHUB_API_URL }),
  // Its warnings on stderr are of no use here.
  log: { debug() {}, info() {}, warn() {}, error() {} },
});
const repo = { owner: 'acme', repo: 'widgets' };
const { rest } = octokit;
const content = randomBytes(300_000);
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

async function newRelease() {
  const { data } = await rest.repos.createRelease({ ...repo, tag_name: 'v1.0.0', name: 'First' });
  return data;
}

async function download(assetId) {
  const { data } = await rest.repos.getReleaseAsset({
    ...repo,
    asset_id: assetId,
    headers: { accept: 'application/octet-stream' },
  });
  return Buffer.from(data);
}

await runSteps({
  async user() {
    const { data, headers } = await rest.users.getAuthenticated();
    expect(headers['x-ratelimit-limit'] === '5000', 'the rate limit is missing');
    return { login: data.login };
  },
  async repository() {
    const { data } = await rest.repos.get(repo);
    return { name: data.full_name, tempCloneToken: data.temp_clone_token ?? null };
  },
  async 'repository.unchanged'() {
    const first = await rest.repos.get(repo);
    const headers = { 'if-none-match': first.headers.etag };
    const second = await rest.repos.get({ ...repo, headers }).catch((error) => error);
    expect(second.status === 304, `status ${second.status} for a known etag`);
    return { status: second.status };
  },
  async paginate() {
    const issues = await octokit.paginate(rest.issues.listForRepo, { ...repo, per_page: 2 });
    expect(issues.length === 5, `${issues.length} issues of 5`);
    return { titles: issues.map((issue) => issue.title) };
  },
  async renamed() {
    const { data } = await rest.repos.get({ ...repo, repo: 'old-name' });
    expect(data.name === 'widgets', `found ${data.name}`);
    return { name: data.full_name };
  },
  async graphql() {
    const { viewer } = await octokit.graphql('query { viewer { login } }');
    return { login: viewer.login };
  },
  // Octokit knows the host for uploads and goes there by itself.
  async 'release.upload'() {
    const { id } = await newRelease();
    const upload = { ...repo, release_id: id, name: 'noise.bin', data: content };
    const { data } = await rest.repos.uploadReleaseAsset(upload);
    expect(data.size === content.length, `${data.size} bytes arrived`);
    return { size: data.size };
  },
  async 'release.upload.url'() {
    const { upload_url: url } = await newRelease();
    const headers = { 'content-type': 'application/octet-stream' };
    const { data } = await octokit.request({
      method: 'POST',
      url,
      name: 'noise.bin',
      data: content,
      headers,
    });
    expect(data.size === content.length, `${data.size} bytes arrived`);
    return { host: new URL(url.replace(/\{.*$/, '')).host };
  },
  // A redirect to a signed URL, which takes no second authentication.
  async 'asset.download'() {
    const { upload_url: url } = await newRelease();
    const headers = { 'content-type': 'application/octet-stream' };
    const { data } = await octokit.request({
      method: 'POST',
      url,
      name: 'noise.bin',
      data: content,
      headers,
    });
    const bytes = await download(data.id);
    expect(sha256(bytes) === sha256(content), 'other bytes came back');
    return { bytes: bytes.length };
  },
  async tarball() {
    const { data } = await rest.repos.downloadTarballArchive({ ...repo, ref: 'main' });
    expect(data.byteLength === 300_000, `${data.byteLength} bytes`);
    return { bytes: data.byteLength };
  },
  async 'not.found'() {
    const error = await octokit.request('GET /repos/acme/widgets/nothing').catch((problem) => problem);
    expect(error.status === 404, `status ${error.status}`);
    return { name: error.name, message: error.message };
  },
  async echo() {
    const { data } = await rest.repos.get({ ...repo, owner: 'echo-key' });
    return { text: data.description };
  },
});
