// What one imitated API is to the server: which paths are its own, where it reads its credential, what it answers.
import type { IncomingHttpHeaders } from 'node:http';
import type { Reply } from './reply.ts';

/** the chat APIs: told apart by path, so that they can be imitated below any host name */
export const CHAT_PROVIDERS = ['openai', 'anthropic', 'gemini', 'groq'] as const;
export type ChatProviderName = (typeof CHAT_PROVIDERS)[number];

/** every imitated API; those that are no chat API are told apart by host: see host-stubs.ts */
export const PROVIDERS = [
  ...CHAT_PROVIDERS,
  'discord',
  'telegram',
  'github',
  'notion',
  'slack',
  // the app-level token of the same API, a second key
  'slackapp',
  'stripe',
  'generic',
  // of the simple APIs, but its SDK sends a key of another shape elsewhere
  'huggingface',
] as const;
export type ProviderName = (typeof PROVIDERS)[number];

export interface ApiCall {
  readonly method: string;
  /** path without query */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** parsed body; undefined when it is not a JSON object */
  readonly json: Readonly<Record<string, unknown>> | undefined;
  readonly nowMs: number;
  /** makes an id as the API would, e.g. `chatcmpl-…` */
  readonly newId: (prefix: string) => string;
}

export interface Answer {
  /** what the assistant says */
  readonly text: string;
  /** the text as the pieces of a stream */
  readonly pieces: readonly string[];
}

export interface ProviderStub {
  readonly name: ChatProviderName;
  owns(call: Pick<ApiCall, 'path' | 'headers'>): boolean;
  /** the credential where this API looks for it, without its scheme */
  credential(headers: IncomingHttpHeaders, query: URLSearchParams): string | undefined;
  /** true for an address that is itself the permission; a key that comes with it is checked all the same */
  needsNoKey?(call: ApiCall): boolean;
  model(call: ApiCall): string | undefined;
  /** what the user said last */
  prompt(call: ApiCall): string;
  /** the API's own answer to a wrong credential, or to none */
  unauthorized(call: ApiCall, credential: string | undefined): Reply;
  /** an error of the API's own format */
  failure(call: ApiCall, status: number, message: string): Reply;
  /** undefined: the API has no such route */
  answer(call: ApiCall, answer: Answer): Reply | undefined;
}

export function bearer(headers: IncomingHttpHeaders): string | undefined {
  return /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
}

export function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/** the model that a JSON body names */
export function jsonModel(call: ApiCall): string | undefined {
  const model = call.json?.['model'];
  return typeof model === 'string' ? model : undefined;
}

/** text of a message's content, which is a string or a list of parts in every one of these APIs */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return (content as ({ text?: string } | null)[]).map((part) => part?.text ?? '').join('');
}

/** content of the last entry in a list of messages */
export function lastContent(messages: unknown): string {
  if (!Array.isArray(messages)) return '';
  const last = messages.at(-1) as { content?: unknown; parts?: unknown } | undefined;
  return textOf(last?.content ?? last?.parts);
}

/** a rough count that is stable, so that tests can tell one answer from another */
export function countTokens(text: string): number {
  return Math.max(1, Math.ceil(text.length / 4));
}
