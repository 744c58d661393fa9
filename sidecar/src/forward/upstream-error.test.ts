import { describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';

import { codeOf, networkDetail, toUpstreamError } from './upstream-error.ts';

function coded(code: string, message = 'quotes sk-proj-CANARY'): Error {
  return Object.assign(new Error(message), { code });
}

describe('toUpstreamError', () => {
  test.each([
    ['ECONNREFUSED', 'SEKS_UPSTREAM_UNREACHABLE'],
    ['ECONNRESET', 'SEKS_UPSTREAM_UNREACHABLE'],
    ['HPE_INVALID_CONSTANT', 'SEKS_UPSTREAM_UNREACHABLE'],
    ['ENOTFOUND', 'SEKS_UPSTREAM_UNREACHABLE'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'SEKS_UPSTREAM_TLS'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'SEKS_UPSTREAM_TLS'],
    ['EPROTO', 'SEKS_UPSTREAM_TLS'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'SEKS_UPSTREAM_TLS'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'SEKS_UPSTREAM_TLS'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'SEKS_UPSTREAM_TLS'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'SEKS_UPSTREAM_TLS'],
    ['CERT_HAS_EXPIRED', 'SEKS_UPSTREAM_TLS'],
    ['CERT_NOT_YET_VALID', 'SEKS_UPSTREAM_TLS'],
    ['UND_ERR_SOCKET', 'SEKS_UPSTREAM_UNREACHABLE'],
  ])('%s is %s, and what the error says stays here', (code, expected) => {
    const error = toUpstreamError(coded(code));
    expect(error.code).toBe(expected);
    expect(error.message).toContain(code);
    expect(error.message).not.toContain('CANARY');
  });

  test.each(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])('%s is silence', (code) => {
    expect(toUpstreamError(coded(code)).code).toBe('SEKS_UPSTREAM_TIMEOUT');
  });

  test('finds our own error among the attempts', () => {
    const own = new SeksError('SEKS_UPSTREAM_ADDRESS_REFUSED');
    expect(toUpstreamError(own)).toBe(own);
    expect(toUpstreamError(new AggregateError([coded('ETIMEDOUT'), own]))).toBe(own);
    expect(toUpstreamError(new AggregateError([coded('CERT_HAS_EXPIRED')])).code).toBe('SEKS_UPSTREAM_TLS');
  });

  test.each([undefined, null, 'text', {}, new Error('x'), coded('has spaces and sk-CANARY')])(
    'takes anything that is thrown: %p',
    (cause) => {
      expect(toUpstreamError(cause).message).not.toContain('CANARY');
      expect(codeOf(cause)).toBe('');
    },
  );
});

describe('networkDetail', () => {
  test('shows the message of system errors only', () => {
    const system = Object.assign(coded('ECONNREFUSED', 'connect ECONNREFUSED 10.0.0.1:8443'), {
      syscall: 'connect',
    });
    expect(networkDetail(system)).toBe('connect ECONNREFUSED 10.0.0.1:8443');
    expect(networkDetail(new AggregateError([system]))).toBe('connect ECONNREFUSED 10.0.0.1:8443');
    expect(networkDetail(coded('ERR_X'))).toBe('ERR_X');
    expect(networkDetail('CANARY')).toBe('unknown cause');
  });
});
