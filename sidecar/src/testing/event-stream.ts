// Streams as Bedrock sends them, for tests.
import { crc32 } from 'node:zlib';

/** one frame of AWS's event streams; a length of the headers that is given is a lie */
export function frame(payload: string, headers = '', { headerBytes = headers.length } = {}): Buffer {
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(16 + headers.length + Buffer.byteLength(payload));
  lengths.writeUInt32BE(headerBytes, 4);
  const whole = Buffer.concat([lengths, checksum(lengths), Buffer.from(headers), Buffer.from(payload)]);
  return Buffer.concat([whole, checksum(whole)]);
}

/** events of ConverseStream */
export function converseStream(...events: readonly object[]): Buffer {
  return Buffer.concat(events.map((event) => frame(JSON.stringify(event), '\x0b:event-type\x07\x00\x01x')));
}

/** events of InvokeModelWithResponseStream: the model's own JSON, wrapped */
export function invokeStream(...chunks: readonly object[]): Buffer {
  return converseStream(
    ...chunks.map((chunk, i) => {
      const bytes = Buffer.from(JSON.stringify(chunk)).toString('base64');
      return { bytes, p: 'abcdefghijkl'.slice(0, i + 1) };
    }),
  );
}

function checksum(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum;
}
