// Gemini's resumable uploads: the start answers with an absolute address, which is the permission to send the bytes there.
import type { ApiCall } from './provider-stub.ts';
import { single } from './provider-stub.ts';
import { jsonReply, type Reply } from './reply.ts';

const PATH = /^\/upload\/(?:v1|v1beta)\/files$/;
const ORIGIN = 'https://generativelanguage.googleapis.com';

/** what an upload's id says of it; so the stub remembers nothing */
interface Upload {
  readonly displayName: string;
  readonly mimeType: string;
  readonly sizeBytes: number;
}

export function isUploadPath(path: string): boolean {
  return PATH.test(path);
}

export function isUploadUrl(call: ApiCall): boolean {
  return isUploadPath(call.path) && readUpload(call) !== undefined;
}

export function geminiFiles(call: ApiCall): Reply | undefined {
  if (call.method !== 'POST') return undefined;
  const upload = readUpload(call);
  if (upload !== undefined) return receive(call, upload);
  if (single(call.headers['x-goog-upload-command']) !== 'start') return undefined;
  const file = call.json?.['file'] as { displayName?: string; display_name?: string } | undefined;
  const started: Upload = {
    displayName: file?.displayName ?? file?.display_name ?? '',
    mimeType: single(call.headers['x-goog-upload-header-content-type']) ?? 'application/octet-stream',
    sizeBytes: Number(single(call.headers['x-goog-upload-header-content-length'])),
  };
  const id = Buffer.from(JSON.stringify(started)).toString('base64url');
  return jsonReply({}, 200, {
    'x-goog-upload-url': `${ORIGIN}${call.path}?upload_id=${id}&upload_protocol=resumable`,
    'x-goog-upload-status': 'active',
  });
}

function readUpload(call: ApiCall): Upload | undefined {
  const id = call.query.get('upload_id');
  if (id === null) return undefined;
  try {
    return JSON.parse(Buffer.from(id, 'base64url').toString('utf8')) as Upload;
  } catch {
    return undefined;
  }
}

function receive(call: ApiCall, upload: Upload): Reply {
  const command = single(call.headers['x-goog-upload-command']) ?? '';
  const received = Number(single(call.headers['x-goog-upload-offset'])) + call.body.length;
  if (!command.includes('finalize')) return jsonReply({}, 200, { 'x-goog-upload-status': 'active' });
  if (received !== upload.sizeBytes) {
    const message = `${received} of ${upload.sizeBytes} bytes were sent.`;
    return jsonReply({ error: { code: 400, message, status: 'INVALID_ARGUMENT' } }, 400);
  }
  const name = `files/${call.newId('')}`;
  const file = {
    name,
    displayName: upload.displayName,
    mimeType: upload.mimeType,
    sizeBytes: String(upload.sizeBytes),
    uri: `${ORIGIN}/v1beta/${name}`,
    state: 'ACTIVE',
  };
  return jsonReply({ file }, 200, { 'x-goog-upload-status': 'final' });
}
