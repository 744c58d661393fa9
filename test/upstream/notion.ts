// api.notion.com: search, pages and file uploads.
import { parseMultipart } from './multipart.ts';
import { bearer } from './provider-stub.ts';
import { jsonReply, type Reply } from './reply.ts';
import { heard, restStub, withEcho, type RestCall } from './rest-call.ts';
import type { HostStub } from './host-stub.ts';

interface FileUpload {
  readonly id: string;
  readonly filename: string;
  readonly contentType: string;
  /** how many parts `complete` waits for; one that is sent whole needs no `complete` */
  readonly partCount: number | undefined;
  readonly parts: Map<number, number>;
  status: 'pending' | 'uploaded';
}

const UPLOAD_ROUTE = /^\/v1\/file_uploads\/([0-9a-f-]+)(?:\/(send|complete))?$/;
const MAX_UPLOADS = 100;
const USER = { object: 'user', id: 'b7e2f0a4-0000-4000-8000-000000000001' };

export function createNotionStub(): HostStub {
  const uploads = new Map<string, FileUpload>();
  return restStub({
    name: 'notion',
    hosts: ['api.notion.com'],
    credential: ({ headers }) => bearer(headers),
    answer(call) {
      if (!call.accepted) return failure(call, 401, 'unauthorized', 'API token is invalid.');
      if (call.headers['notion-version'] === undefined) {
        return failure(call, 400, 'missing_version', 'Notion-Version header failed validation.');
      }
      return route(call, uploads) ?? failure(call, 400, 'invalid_request_url', 'Invalid request URL.');
    },
  });
}

function route(call: RestCall, uploads: Map<string, FileUpload>): Reply | undefined {
  switch (`${call.method} ${call.path}`) {
    case 'GET /v1/users/me':
      return jsonReply({ ...USER, type: 'bot', name: 'Stub bot', bot: {} });
    case 'POST /v1/search':
      return search(call);
    case 'POST /v1/pages':
      return jsonReply(page(call, call.json?.['properties'] ?? {}));
    case 'POST /v1/file_uploads':
      return createUpload(call, uploads);
    default: {
      const [, id = '', action] = UPLOAD_ROUTE.exec(call.path) ?? [];
      const upload = uploads.get(id);
      return upload === undefined ? undefined : continueUpload(call, upload, action);
    }
  }
}

function failure(call: RestCall, status: number, code: string, message: string): Reply {
  return jsonReply({ object: 'error', status, code, message, request_id: call.newId('') }, status);
}

function page(call: RestCall, properties: unknown): Record<string, unknown> {
  const id = uuid(call);
  const time = new Date(call.nowMs).toISOString();
  return {
    object: 'page',
    id,
    created_time: time,
    last_edited_time: time,
    created_by: USER,
    last_edited_by: USER,
    in_trash: false,
    parent: call.json?.['parent'] ?? { type: 'workspace', workspace: true },
    properties,
    url: `https://www.notion.so/${id.replaceAll('-', '')}`,
  };
}

function search(call: RestCall): Reply {
  const query = typeof call.json?.['query'] === 'string' ? call.json['query'] : '';
  const text = heard(call, query, `Notes on ${query}`);
  const title = [{ type: 'text', text: { content: text, link: null }, plain_text: text, href: null }];
  const list = {
    object: 'list',
    results: [page(call, { title: { id: 'title', type: 'title', title } })],
    next_cursor: null,
    has_more: false,
    type: 'page_or_data_source',
    page_or_data_source: {},
    request_id: call.newId(''),
  };
  return withEcho(call, query, jsonReply(list));
}

function createUpload(call: RestCall, uploads: Map<string, FileUpload>): Reply {
  const { mode, number_of_parts: parts, filename, content_type: contentType } = call.json ?? {};
  if (mode === 'multi_part' && (typeof parts !== 'number' || parts < 1)) {
    return failure(call, 400, 'validation_error', 'body.number_of_parts should be a number.');
  }
  const upload: FileUpload = {
    id: uuid(call),
    filename: typeof filename === 'string' ? filename : 'file',
    contentType: typeof contentType === 'string' ? contentType : 'application/octet-stream',
    partCount: mode === 'multi_part' ? (parts as number) : undefined,
    parts: new Map(),
    status: 'pending',
  };
  if (uploads.size >= MAX_UPLOADS) uploads.delete(uploads.keys().next().value ?? '');
  uploads.set(upload.id, upload);
  return uploadReply(call, upload);
}

function continueUpload(call: RestCall, upload: FileUpload, action: string | undefined): Reply | undefined {
  if (call.method === 'GET' && action === undefined) return uploadReply(call, upload);
  if (call.method !== 'POST') return undefined;
  if (action === 'send') {
    const fields = parseMultipart(call.headers['content-type'] ?? '', call.body);
    const file = fields?.find((field) => field.name === 'file');
    if (file?.filename === undefined) return failure(call, 400, 'validation_error', 'body.file is missing.');
    const number = Number(fields?.find((field) => field.name === 'part_number')?.value.toString() ?? '1');
    if (!(number >= 1 && number <= (upload.partCount ?? 1))) {
      return failure(call, 400, 'validation_error', 'part_number is out of range.');
    }
    upload.parts.set(number, file.value.length);
    if (upload.partCount === undefined) upload.status = 'uploaded';
    return uploadReply(call, upload);
  }
  if (action !== 'complete') return undefined;
  if (upload.parts.size !== upload.partCount) {
    return failure(call, 400, 'validation_error', 'Not all parts of this file upload were sent.');
  }
  upload.status = 'uploaded';
  return uploadReply(call, upload);
}

function uploadReply(call: RestCall, upload: FileUpload): Reply {
  const base = `https://api.notion.com/v1/file_uploads/${upload.id}`;
  const isPending = upload.status === 'pending';
  return jsonReply({
    object: 'file_upload',
    id: upload.id,
    created_time: new Date(call.nowMs).toISOString(),
    created_by: USER,
    last_edited_time: new Date(call.nowMs).toISOString(),
    in_trash: false,
    expiry_time: isPending ? new Date(call.nowMs + 3_600_000).toISOString() : null,
    status: upload.status,
    filename: upload.filename,
    content_type: upload.contentType,
    content_length: isPending ? null : [...upload.parts.values()].reduce((sum, bytes) => sum + bytes, 0),
    // Absolute, so a client that follows it goes where it points.
    ...(isPending ? { upload_url: `${base}/send` } : {}),
    ...(isPending && upload.partCount !== undefined ? { complete_url: `${base}/complete` } : {}),
    ...(upload.partCount === undefined
      ? {}
      : { number_of_parts: { total: upload.partCount, sent: upload.parts.size } }),
  });
}

function uuid(call: RestCall): string {
  const hex = call.newId('').padEnd(32, '0');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}
