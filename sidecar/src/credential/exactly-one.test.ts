// S5, S4: every pair of places, with a token of ours in one and each kind of stranger in the other.
import { createHash } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';

import type { CredentialHeader } from '../request/screen.ts';
import { parseTarget } from '../request/target.ts';
import { testProvider } from '../testing/sealed-source.ts';
import { fakeToken } from '../testing/test-sidecar.ts';
import { indexPlacements } from './placement-index.ts';
import { encodeBasic, type PresentedToken } from './place.ts';
import { checkQuery, findToken } from './present.ts';
import { createTokenTable } from './tokens.ts';

const OWN = fakeToken('110201543:AA{token}');
const SECOND = fakeToken('110201544:AA{token}');
const FOREIGN = fakeToken('110201545:AA{token}');
const REAL_KEY = '110201546:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw';
const PREFIX = 'insecure-key.';

function entry(token: string) {
  return {
    name: token,
    provider: 'openai',
    sources: [],
    tokens: [{ container: 'main', sha256: createHash('sha256').update(token).digest('base64url') }],
  };
}

const tokens = createTokenTable({
  bindings: [{ uid: 'b1', name: 'research', agent: 'research', credentials: [entry(OWN), entry(SECOND)] }],
});

const provider = testProvider('openai', [
  { header: { name: 'authorization', scheme: 'Bearer' } },
  { header: { name: 'x-odd' } },
  { basic: { field: 'Username' } },
  { basic: { field: 'Password' } },
  { query: { name: 'appid' } },
  { path: { prefix: '/bot' } },
  { webSocketProtocol: { prefix: PREFIX } },
]);
const index = indexPlacements([provider]);

/** a request in the making */
interface Parts {
  credentials: CredentialHeader[];
  path: string;
  query: string[];
  protocols: string[];
}

type Put = (parts: Parts, token: string) => void;

const PLACES: Record<string, Put> = {
  'a bearer header': ({ credentials }, token) =>
    credentials.push({ name: 'authorization', value: `Bearer ${token}` }),
  'a header': ({ credentials }, token) => credentials.push({ name: 'x-odd', value: token }),
  'the user name': ({ credentials }, token) =>
    credentials.push({ name: 'authorization', value: `Basic ${encodeBasic(`${token}:`)}` }),
  'the password': ({ credentials }, token) =>
    credentials.push({ name: 'authorization', value: `Basic ${encodeBasic(`user:${token}`)}` }),
  'the query': ({ query }, token) => query.push(`appid=${token}`),
  'the query, encoded': ({ query }, token) => query.push(`appid=${token.replaceAll(':', '%3a')}`),
  'the path': (parts, token) => (parts.path = `/bot${token}/getMe`),
  'the path below the provider': (parts, token) => (parts.path = `/openai/bot${token}/getMe`),
  'the path below a host': (parts, token) => (parts.path = `/openai/~api.openai.example/bot${token}/getMe`),
  'the path, encoded': (parts, token) => (parts.path = `/openai/bot${token.replaceAll(':', '%3A')}/getMe`),
  'a subprotocol': ({ protocols }, token) => protocols.push('realtime', PREFIX + token),
};

function find(puts: [Put, string][]): PresentedToken | undefined {
  const parts: Parts = { credentials: [], path: '', query: [], protocols: [] };
  for (const [put, token] of puts) put(parts, token);
  const query = parts.query.length === 0 ? '' : `?${parts.query.join('&')}`;
  const target = parseTarget((parts.path || '/openai/v1/x') + query);
  const found = findToken(
    { credentials: parts.credentials, target, protocols: parts.protocols },
    tokens,
    index,
  );
  checkQuery(target.query, found, index);
  return found;
}

function codeOf(puts: [Put, string][]): string {
  try {
    find(puts);
  } catch (cause) {
    return (cause as { code: string }).code;
  }
  return 'none';
}

const places = Object.entries(PLACES);
/** two of the path forms cannot stand in one request */
const pairs = places.flatMap(([one, put]) =>
  places
    .filter(([other]) => !(one.startsWith('the path') && other.startsWith('the path')))
    .map(([other, putOther]) => [one, other, put, putOther] as const),
);

describe('one credential alone', () => {
  test.each(places)('ours is found in %s', (_, put) => {
    expect(find([[put, OWN]])?.entry.credential).toBe(OWN);
  });

  test.each(places)('S4: one of another pod in %s is a leak alarm', (_, put) => {
    expect(codeOf([[put, FOREIGN]])).toBe('SEKS_TOKEN_FOREIGN');
  });

  test.each(places.filter(([name]) => name !== 'the path'))(
    "S5: somebody's key in %s is refused",
    (_, put) => {
      expect(codeOf([[put, REAL_KEY]])).toMatch(/^SEKS_(TOKEN_UNKNOWN|CREDENTIAL_FOREIGN)$/);
    },
  );

  test("S5: somebody's key in a path of nobody is no token: such a request is refused by its route", () => {
    expect(find([[PLACES['the path'] ?? (() => {}), REAL_KEY]])).toBeUndefined();
  });
});

describe.each(pairs)('ours in %s and another in %s', (_one, _other, put, putOther) => {
  test('S5: two of ours are refused', () => {
    expect(codeOf([[put, OWN], [putOther, SECOND]])).toMatch(/^SEKS_(TOKEN_AMBIGUOUS|CREDENTIAL_FOREIGN)$/); // prettier-ignore
    expect(codeOf([[put, OWN], [putOther, OWN]])).toMatch(/^SEKS_(TOKEN_AMBIGUOUS|CREDENTIAL_FOREIGN)$/); // prettier-ignore
  });

  test('S4: one of another pod is a leak alarm', () => {
    expect(codeOf([[put, OWN], [putOther, FOREIGN]])).toMatch(/^SEKS_(TOKEN_FOREIGN|TOKEN_AMBIGUOUS)$/); // prettier-ignore
  });

  test("S5: somebody's key is refused", () => {
    const refused = /^SEKS_(TOKEN_UNKNOWN|TOKEN_AMBIGUOUS|CREDENTIAL_FOREIGN)$/;
    expect(codeOf([[put, OWN], [putOther, REAL_KEY]])).toMatch(refused); // prettier-ignore
  });
});

describe('both fields of Basic authentication', () => {
  const basic =
    (text: string, scheme = 'Basic '): Put =>
    ({ credentials }) =>
      credentials.push({ name: 'authorization', value: scheme + encodeBasic(text) });

  test.each([
    ['our two tokens', `${OWN}:${SECOND}`, 'SEKS_TOKEN_AMBIGUOUS'],
    ['our token twice', `${OWN}:${OWN}`, 'SEKS_TOKEN_AMBIGUOUS'],
    ['ours and one of another pod', `${OWN}:${FOREIGN}`, 'SEKS_TOKEN_AMBIGUOUS'],
    ['one of another pod and ours', `${FOREIGN}:${OWN}`, 'SEKS_TOKEN_FOREIGN'],
    ['one of another pod', `x:${FOREIGN}`, 'SEKS_TOKEN_FOREIGN'],
    ['a key of somebody', `x:${REAL_KEY}`, 'SEKS_TOKEN_UNKNOWN'],
    ['nothing', ':', 'SEKS_TOKEN_UNKNOWN'],
    ['no colon', OWN.replace(':', ''), 'SEKS_TOKEN_FOREIGN'],
    ['a field too long', `${'x'.repeat(257)}:${OWN}`, 'SEKS_TOKEN_AMBIGUOUS'],
  ])('S5: refuses %s', (_, text, code) => {
    expect(codeOf([[basic(text), '']])).toBe(code);
  });

  test.each([
    ['Username', `${OWN}:`, ''],
    ['Username', `${OWN}:x`, 'x'],
    ['Username', `${OWN}:a:b`, 'a:b'],
    ['Password', `x-access-token:${OWN}`, 'x-access-token'],
    ['Password', `:${OWN}`, ''],
  ])('finds a token with a colon as %s of %s', (field, text, other) => {
    const place = { kind: 'basic', name: 'authorization', prefix: 'basic  ', field, other };
    expect(find([[basic(text, 'basic  '), '']])?.place).toEqual(place);
  });

  test('S4: a token of another pod that was not encoded is a leak alarm, too', () => {
    const raw: Put = ({ credentials }) =>
      credentials.push({ name: 'authorization', value: `Basic ${FOREIGN}` });
    expect(codeOf([[raw, '']])).toBe('SEKS_TOKEN_FOREIGN');
  });
});

describe('odd places', () => {
  test.each([
    ['another parameter', `/openai/v1?x=${OWN}`],
    ['another parameter, encoded', `/openai/v1?x=${percent(OWN)}`],
    ['the parameter in other letters', `/openai/v1?APPID=${OWN}`],
    ['the parameter, its name encoded', `/openai/v1?%61ppid=${OWN}`],
    ['a list', `/openai/v1?appid[]=${OWN}`],
    ['behind a semicolon', `/openai/v1?a=b;appid=${OWN}`],
    ['before a semicolon', `/openai/v1?appid=${OWN};a=b`],
    ['the name of a parameter', `/openai/v1?${OWN}`],
    ['a segment without the prefix', `/openai/v1/${OWN}`],
    ['a segment without the prefix, encoded', `/openai/v1/${percent(OWN)}`],
    ['the prefix further down', `/openai/v1/bot${OWN}`],
    ['the prefix encoded', `/openai/%62ot${OWN}/getMe`],
    ['the prefix in other letters', `/openai/BOT${OWN}/getMe`],
    ['below another name', `/anthropic/bot${OWN}/getMe`],
    ['twice in the path', `/openai/bot${OWN}/bot${OWN}`],
    ['path and query', `/openai/bot${OWN}/x?appid=${OWN}`],
    ['twice in the query', `/openai/v1?appid=${OWN}&appid=${OWN}`],
  ])('S5: our token is refused in %s', (_, raw) => {
    const put: Put = (parts) => (parts.path = raw);
    expect(codeOf([[put, '']])).toMatch(/^SEKS_(CREDENTIAL_FOREIGN|TOKEN_AMBIGUOUS)$/);
  });

  test.each(['openai/%62ot', 'openai/bo%74', '~api.openai.example/bot', 'bot', 'openai/~h.example/bot'])(
    "S5: somebody's key in the path is refused beside our token: /%s…",
    (before) => {
      const put: Put = (parts) => (parts.path = `/${before}${REAL_KEY}/getMe`);
      const header: Put = ({ credentials }) => credentials.push({ name: 'x-odd', value: OWN });
      expect(codeOf([[put, ''], [header, '']])).toBe('SEKS_CREDENTIAL_FOREIGN'); // prettier-ignore
    },
  );

  test.each(['api-key.', 'Bearer.', 'X-API-KEY.', 'authorization.', 'token', 'insecure-KEY.token.'])(
    "S5: somebody's key in a subprotocol is refused beside our token: %s",
    (before) => {
      const put: Put = ({ protocols, credentials }) => {
        protocols.push('realtime', before + REAL_KEY);
        credentials.push({ name: 'x-odd', value: OWN });
      };
      expect(codeOf([[put, '']])).toBe('SEKS_CREDENTIAL_FOREIGN');
    },
  );

  test('ordinary subprotocols pass beside our token', () => {
    const put: Put = ({ protocols, credentials }) => {
      protocols.push('realtime', 'openai-beta.realtime-v1', 'graphql-transport-ws');
      credentials.push({ name: 'x-odd', value: OWN });
    };
    expect(find([[put, '']])?.entry.credential).toBe(OWN);
  });
});

function percent(text: string): string {
  return Array.from(text, (char) => `%${char.charCodeAt(0).toString(16)}`).join('');
}
