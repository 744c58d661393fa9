// Whether a container runtime serves the kubelet: its other APIs answer earlier than the one that the kubelet speaks.
import { connect as connectHttp2, constants, type IncomingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';

const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH, HTTP2_HEADER_CONTENT_TYPE, HTTP2_HEADER_TE } = constants;
/** of the Container Runtime Interface, as the kubelet asks it first; it ends if this fails */
const VERSION = '/runtime.v1.RuntimeService/Version';
/** gRPC over HTTP/2: not compressed, no bytes, which is a message whose fields all have their defaults */
const EMPTY_MESSAGE = Buffer.alloc(5);
const OK = '0';
const TIMEOUT_MS = 2_000;

/** Asks for the runtime's version. Throws with what it answered if that is an error, such as "server is not initialized yet". */
export async function criIsReady(socket: string): Promise<true> {
  const session = connectHttp2('http://localhost', { createConnection: () => connect(socket) });
  try {
    const outcome = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
      session.once('error', reject);
      const call = session.request({
        [HTTP2_HEADER_METHOD]: 'POST',
        [HTTP2_HEADER_PATH]: VERSION,
        [HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        [HTTP2_HEADER_TE]: 'trailers',
      });
      call.setTimeout(TIMEOUT_MS, () => reject(new Error(`no answer within ${TIMEOUT_MS} ms`)));
      call.once('error', reject);
      // An error without a message comes as the head alone.
      call.once('response', (head) => {
        if (head['grpc-status'] !== undefined) resolve(head);
      });
      call.once('trailers', resolve);
      call.once('close', () => reject(new Error('the answer has no gRPC status')));
      call.resume().end(EMPTY_MESSAGE);
    });
    if (outcome['grpc-status'] === OK) return true;
    throw new Error(`gRPC status ${String(outcome['grpc-status'])}: ${String(outcome['grpc-message'])}`);
  } finally {
    session.destroy();
  }
}
