// api.stripe.com and files.stripe.com: customers with pages and idempotency, and file uploads.
import { basicCredential } from './basic-auth.ts';
import type { HostStub } from './host-stub.ts';
import { parseMultipart } from './multipart.ts';
import { bearer } from './provider-stub.ts';
import { jsonReply, type Reply } from './reply.ts';
import { heard, restStub, withEcho, type RestCall } from './rest-call.ts';

interface Customer {
  readonly id: string;
  readonly object: 'customer';
  readonly created: number;
  readonly name: string | null;
  readonly email: string | null;
  readonly description: string;
  readonly livemode: false;
}

/** what one account holds; the oldest entries go first */
interface Account {
  readonly customers: Customer[];
  /** answers by Idempotency-Key */
  readonly replays: Map<string, Reply>;
}

const MAX_ENTRIES = 200;
const DEFAULT_PAGE_SIZE = 10;

export function createStripeStub(): HostStub {
  const account: Account = { customers: [], replays: new Map() };
  return restStub({
    name: 'stripe',
    hosts: ['api.stripe.com', 'files.stripe.com'],
    // A key is a bearer token, or the user of Basic without a password.
    credential({ headers }) {
      const basic = basicCredential(headers);
      return basic?.password === '' ? basic.user : bearer(headers);
    },
    answer(call) {
      if (!call.accepted) return unauthorized(call);
      const reply = once(call, account, () => route(call, account));
      return (
        reply ?? failure(call, 404, { message: `Unrecognized request URL (${call.method}: ${call.path}).` })
      );
    },
  });
}

function unauthorized(call: RestCall): Reply {
  const { credential } = call;
  const message =
    credential === undefined
      ? 'You did not provide an API key. You need to provide your API key in the Authorization header.'
      : `Invalid API Key provided: ${starred(credential)}`;
  return failure(call, 401, { message });
}

/** a key as this API shows it: prefix and last four characters stay */
function starred(key: string): string {
  const prefix = /^(?:sk|rk)_(?:test|live)_/.exec(key)?.[0] ?? '';
  return prefix + '*'.repeat(Math.max(0, key.length - prefix.length - 4)) + key.slice(-4);
}

function failure(call: RestCall, status: number, error: Record<string, unknown>): Reply {
  return jsonReply({ error: { type: 'invalid_request_error', ...error } }, status, requestHeaders(call));
}

function requestHeaders(call: RestCall): Record<string, string> {
  return { 'request-id': call.newId('req_'), 'stripe-version': '2026-09-30.stub' };
}

/** answers a repeated Idempotency-Key as the first time */
function once(call: RestCall, { replays }: Account, make: () => Reply | undefined): Reply | undefined {
  const key = call.method === 'POST' ? call.headers['idempotency-key'] : undefined;
  if (typeof key !== 'string') return make();
  const before = replays.get(key);
  if (before !== undefined) {
    return {
      ...before,
      headers: { ...before.headers, 'idempotent-replayed': 'true', 'idempotency-key': key },
    };
  }
  const reply = make();
  if (replays.size >= MAX_ENTRIES) replays.delete(replays.keys().next().value ?? '');
  if (reply !== undefined)
    replays.set(key, { ...reply, headers: { ...reply.headers, 'idempotency-key': key } });
  return reply;
}

function route(call: RestCall, account: Account): Reply | undefined {
  if (call.host === 'files.stripe.com') {
    return `${call.method} ${call.path}` === 'POST /v1/files' ? uploadedFile(call) : undefined;
  }
  switch (`${call.method} ${call.path}`) {
    case 'POST /v1/customers':
      return createCustomer(call, account);
    case 'GET /v1/customers':
      return listCustomers(call, account);
    case 'GET /v1/customers/cus_of_expired_key':
      // What the API says from the moment in which somebody rolls the key.
      return failure(call, 401, {
        code: 'api_key_expired',
        message: `Expired API Key provided: ${starred(call.credential ?? '')}`,
      });
    default: {
      const id = /^\/v1\/customers\/([^/]+)$/.exec(call.path)?.[1];
      const found = account.customers.find((customer) => customer.id === id);
      if (call.method !== 'GET' || id === undefined) return undefined;
      if (found !== undefined) return jsonReply(found, 200, requestHeaders(call));
      return failure(call, 404, {
        code: 'resource_missing',
        param: 'id',
        message: `No such customer: '${id}'`,
      });
    }
  }
}

function createCustomer(call: RestCall, { customers }: Account): Reply {
  const form = new URLSearchParams(call.body.toString('utf8'));
  const name = form.get('name');
  const customer: Customer = {
    id: call.newId('cus_'),
    object: 'customer',
    created: Math.floor(call.nowMs / 1000),
    name,
    email: form.get('email'),
    description: heard(call, name ?? undefined, 'made by the stub'),
    livemode: false,
  };
  customers.unshift(customer);
  if (customers.length > MAX_ENTRIES) customers.pop();
  return withEcho(call, name ?? undefined, jsonReply(customer, 200, requestHeaders(call)));
}

function listCustomers(call: RestCall, { customers }: Account): Reply {
  const after = call.query.get('starting_after');
  const email = call.query.get('email');
  const found = customers.filter((customer) => email === null || customer.email === email);
  const start = after === null ? 0 : found.findIndex(({ id }) => id === after) + 1;
  const end = start + Number(call.query.get('limit') ?? DEFAULT_PAGE_SIZE);
  const list = {
    object: 'list',
    url: '/v1/customers',
    has_more: end < found.length,
    data: found.slice(start, end),
  };
  return jsonReply(list, 200, requestHeaders(call));
}

function uploadedFile(call: RestCall): Reply {
  const fields = parseMultipart(call.headers['content-type'] ?? '', call.body);
  const file = fields?.find((field) => field.name === 'file');
  if (file?.filename === undefined) return failure(call, 400, { message: 'Missing required param: file.' });
  const id = call.newId('file_');
  const answer = {
    id,
    object: 'file',
    created: Math.floor(call.nowMs / 1000),
    filename: file.filename,
    purpose: fields?.find((field) => field.name === 'purpose')?.value.toString('utf8') ?? null,
    size: file.value.length,
    url: `https://files.stripe.com/v1/files/${id}/contents`,
  };
  return jsonReply(answer, 200, requestHeaders(call));
}
