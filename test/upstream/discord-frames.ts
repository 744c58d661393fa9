// The gateway's transport compression: with `compress=zlib-stream` all messages of a connection are one zlib stream, in binary
// frames that each end with a sync flush. Without it they are text.
import { constants, createDeflate } from 'node:zlib';

export interface FrameEncoder {
  /** hands over one frame, in the order of the calls */
  encode(text: string, emit: (frame: string | Buffer, isBinary: boolean) => void): void;
  close(): void;
}

/** @param compression value of the query parameter; what is unknown here is ignored, as the gateway does */
export function createFrameEncoder(compression: string | null): FrameEncoder {
  if (compression !== 'zlib-stream')
    return { encode: (text, emit) => emit(text, false), close: () => undefined };
  const deflate = createDeflate({ flush: constants.Z_NO_FLUSH });
  const chunks: Buffer[] = [];
  deflate.on('data', (chunk: Buffer) => chunks.push(chunk));
  return {
    encode(text, emit) {
      deflate.write(text);
      deflate.flush(constants.Z_SYNC_FLUSH, () => emit(Buffer.concat(chunks.splice(0)), true));
    },
    close: () => deflate.destroy(),
  };
}
