// What travels over a WebSocket, and how a connection is refused in the middle of it.
import { SeksError } from '@seks/crds';

/** one whole message; fragments are put together before */
export interface Message {
  data: Buffer;
  /** false: text, which is valid UTF-8 */
  binary: boolean;
}

/** an error that ends the connection with a close code of its own, because the client library acts on the code */
export class ConnectionRefusal extends SeksError {
  /** close code, 3000..4999 or one of RFC 6455 §7.4.1 that may be sent */
  readonly closeCode: number;

  constructor(error: SeksError, closeCode: number) {
    super(error.code, undefined, { cause: error });
    this.message = error.message;
    this.closeCode = closeCode;
  }
}
