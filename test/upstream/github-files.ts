// The hosts that GitHub redirects to: signed URLs, which take no other authentication beside their signature.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { jsonReply, type Reply } from './reply.ts';
import type { RestCall } from './rest-call.ts';

export interface StoredFile {
  readonly name: string;
  readonly contentType: string;
  readonly bytes: Buffer;
}

export interface SignedFiles {
  /** gives its id; the oldest files are forgotten */
  add(file: StoredFile): number;
  get(id: number): StoredFile | undefined;
  assetUrl(id: number, nowMs: number): string;
  archiveUrl(owner: string, name: string, ref: string, nowMs: number): string;
  /** what those URLs answer */
  answer(call: RestCall): Reply;
}

const ASSET_HOST = 'release-assets.githubusercontent.com';
const ARCHIVE_HOST = 'codeload.github.com';
export const SIGNED_HOSTS: readonly string[] = [ASSET_HOST, ARCHIVE_HOST];
const MAX_FILES = 20;
const LIFETIME_MS = 300_000;
/** an archive is this long: more than one chunk */
const ARCHIVE_BYTES = 300_000;

export function createSignedFiles(): SignedFiles {
  const secret = randomBytes(32);
  const files = new Map<number, StoredFile>();
  let nextId = 5001;
  const sign = (path: string, expiresMs: number): string =>
    createHmac('sha256', secret).update(`${path}\n${expiresMs}`).digest('base64url');

  function isSigned(call: RestCall): boolean {
    const expiresMs = Number(call.query.get('se'));
    const expected = Buffer.from(sign(call.path, expiresMs));
    const given = Buffer.from(call.query.get('sig') ?? '');
    return expiresMs > call.nowMs && given.length === expected.length && timingSafeEqual(given, expected);
  }
  function signedUrl(host: string, path: string, nowMs: number, more: Record<string, string>): string {
    const expiresMs = nowMs + LIFETIME_MS;
    const query = new URLSearchParams({ ...more, se: String(expiresMs), sig: sign(path, expiresMs) });
    return `https://${host}${path}?${query.toString()}`;
  }
  return {
    add(file) {
      if (files.size >= MAX_FILES) files.delete(files.keys().next().value ?? 0);
      files.set(nextId, file);
      return nextId++;
    },
    get: (id) => files.get(id),
    assetUrl(id, nowMs) {
      const type = files.get(id)?.contentType ?? 'application/octet-stream';
      const more = { sp: 'r', sv: '2018-11-09', sr: 'b', rsct: type };
      return signedUrl(ASSET_HOST, `/github-production-release-asset/1296269/${id}`, nowMs, more);
    },
    archiveUrl: (owner, name, ref, nowMs) =>
      signedUrl(ARCHIVE_HOST, `/${owner}/${name}/legacy.tar.gz/refs/heads/${ref}`, nowMs, {}),
    answer(call) {
      // As with the real ones, a second authentication is an error even if it is a good one.
      if (call.headers.authorization !== undefined) {
        return jsonReply({ message: 'Only one auth mechanism allowed; only the query may sign.' }, 400);
      }
      if (!isSigned(call)) return jsonReply({ message: 'Server failed to authenticate the request.' }, 403);
      if (call.host === ARCHIVE_HOST) {
        return fileReply({
          name: 'archive',
          contentType: 'application/x-gzip',
          bytes: Buffer.alloc(ARCHIVE_BYTES, 7),
        });
      }
      const file = files.get(Number(call.path.split('/').at(-1)));
      return file === undefined ? jsonReply({ message: 'Not Found' }, 404) : fileReply(file);
    },
  };
}

function fileReply(file: StoredFile): Reply {
  const headers = {
    'content-type': file.contentType,
    'content-length': String(file.bytes.length),
    'content-disposition': `attachment; filename=${file.name}`,
  };
  return { status: 200, headers, parts: [file.bytes] };
}
