import { describe, expect, test } from '@jest/globals';

import { mayDial } from './address-rules.ts';

describe('mayDial', () => {
  test.each([
    '1.1.1.1',
    '104.18.6.192',
    '172.15.0.1',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::6812:6c0',
    '2a00:1450::1',
  ])('a public address, %s, may be dialled', (address) => {
    expect(mayDial(address, 'Public')).toBe(true);
    expect(mayDial(address, 'Private')).toBe(true);
  });

  test.each([
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '198.18.0.1',
    'fc00::1',
    'fd12::1',
  ])('S6: a private address, %s, may be dialled only where the provider says Private', (address) => {
    expect(mayDial(address, 'Public')).toBe(false);
    expect(mayDial(address, 'Private')).toBe(true);
  });

  test.each([
    '127.0.0.1',
    '127.1.2.3',
    '0.0.0.0',
    '0.1.2.3',
    '::1',
    '::',
    '169.254.169.254',
    '169.254.170.23',
    '224.0.0.1',
    '239.1.1.1',
    '255.255.255.255',
    '240.0.0.1',
    'fe80::1',
    'fec0::1',
    'ff02::1',
    'fd00:ec2::254',
    'fd20:ce::254',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:1.1.1.1',
    '::ffff:7f00:1',
    '64:ff9b::1.1.1.1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '::127.0.0.1',
    '2002:7f00:1::',
    '2001:0:1::1',
    '::ffff:0:127.0.0.1',
    'fe80::1%eth0',
    'localhost',
    '',
    '1.1.1',
    '01.1.1.1',
    '[::1]',
    '0x7f.0.0.1',
  ])('S6: %s is never dialled', (address) => {
    expect(mayDial(address, 'Public')).toBe(false);
    expect(mayDial(address, 'Private')).toBe(false);
  });
});
