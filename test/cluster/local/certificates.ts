import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../command.ts';
import { network, nodeName } from './addresses.ts';

interface CertificateRequest {
  readonly name: string;
  readonly commonName: string;
  readonly organization?: string;
  readonly altNames?: readonly string[];
  readonly issuer: 'ca' | 'front-proxy-ca';
}

const requests: readonly CertificateRequest[] = [
  {
    name: 'apiserver',
    commonName: 'kube-apiserver',
    issuer: 'ca',
    altNames: [
      'DNS:kubernetes',
      'DNS:kubernetes.default',
      'DNS:kubernetes.default.svc',
      `DNS:kubernetes.default.svc.${network.clusterDomain}`,
      'DNS:localhost',
      'IP:127.0.0.1',
      `IP:${network.nodeAddress}`,
      `IP:${network.apiServiceAddress}`,
    ],
  },
  {
    name: 'kubelet-server',
    commonName: nodeName,
    issuer: 'ca',
    altNames: [`DNS:${nodeName}`, `IP:${network.nodeAddress}`, 'IP:127.0.0.1'],
  },
  { name: 'admin', commonName: 'seks-test-admin', organization: 'system:masters', issuer: 'ca' },
  { name: 'kubelet', commonName: `system:node:${nodeName}`, organization: 'system:nodes', issuer: 'ca' },
  { name: 'controller-manager', commonName: 'system:kube-controller-manager', issuer: 'ca' },
  { name: 'scheduler', commonName: 'system:kube-scheduler', issuer: 'ca' },
  { name: 'proxy', commonName: 'system:kube-proxy', issuer: 'ca' },
  { name: 'dns', commonName: 'seks-test-dns', organization: 'seks:dns', issuer: 'ca' },
  {
    name: 'apiserver-kubelet-client',
    commonName: 'kube-apiserver-kubelet-client',
    organization: 'system:masters',
    issuer: 'ca',
  },
  { name: 'front-proxy-client', commonName: 'front-proxy-client', issuer: 'front-proxy-ca' },
];

const days = ['-days', '3650'];
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-sha256'];
const authorityExtensions = [
  ['-addext', 'basicConstraints=critical,CA:TRUE'],
  ['-addext', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'],
].flat();

/** Two authorities, all certificates and the ServiceAccount key pair; made as a whole folder or not at all. */
export async function ensureCertificates(pkiDir: string): Promise<void> {
  if (existsSync(pkiDir)) return;
  const making = `${pkiDir}.new`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true, mode: 0o700 });
  await Promise.all([
    makeAuthority(making, 'ca'),
    makeAuthority(making, 'front-proxy-ca'),
    makeSigningKey(making),
  ]);
  await Promise.all(requests.map((request) => makeCertificate(making, request)));
  renameSync(making, pkiDir);
}

export function readPem(pkiDir: string, file: string): string {
  return readFileSync(join(pkiDir, file), 'utf8');
}

async function openssl(...groups: readonly (readonly string[])[]): Promise<void> {
  await run('openssl', groups.flat());
}

async function makeAuthority(dir: string, name: string): Promise<void> {
  await openssl(['req', '-x509', '-subj', `/CN=seks-test-${name}`], newKey, days, authorityExtensions, [
    '-keyout',
    join(dir, `${name}.key`),
    '-out',
    join(dir, `${name}.crt`),
  ]);
}

async function makeSigningKey(dir: string): Promise<void> {
  const key = join(dir, 'service-account.key');
  await openssl(['genrsa', '-out', key, '2048']);
  await openssl(['rsa', '-in', key, '-pubout', '-out', join(dir, 'service-account.pub')]);
}

async function makeCertificate(dir: string, request: CertificateRequest): Promise<void> {
  const file = (extension: string): string => join(dir, `${request.name}.${extension}`);
  const organization = request.organization === undefined ? '' : `/O=${request.organization}`;
  const extensions = [
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=serverAuth,clientAuth',
    ...(request.altNames === undefined ? [] : [`subjectAltName=${request.altNames.join(',')}`]),
  ];
  writeFileSync(file('ext'), `${extensions.join('\n')}\n`);
  await openssl(['req', '-new', '-subj', `${organization}/CN=${request.commonName}`], newKey, [
    '-keyout',
    file('key'),
    '-out',
    file('csr'),
  ]);
  const issuer = join(dir, request.issuer);
  await openssl(
    ['x509', '-req', '-sha256', '-in', file('csr'), '-out', file('crt'), '-extfile', file('ext')],
    days,
    ['-CA', `${issuer}.crt`, '-CAkey', `${issuer}.key`],
    ['-set_serial', `0x${randomUUID().replaceAll('-', '')}`],
  );
  rmSync(file('csr'));
  rmSync(file('ext'));
}
