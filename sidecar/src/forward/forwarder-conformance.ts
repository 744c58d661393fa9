// What every forwarder has to do, over real sockets and real TLS.
import { describe } from '@jest/globals';

import { describeAnswers } from './conformance/answers.ts';
import { describeFailures } from './conformance/failures.ts';
import { describeRequests } from './conformance/requests.ts';
import type { ForwarderKind } from './forwarder-kinds.ts';

/** declares the tests for one kind of forwarder */
export function describeForwarder(kind: ForwarderKind): void {
  describe(kind, () => {
    describeAnswers(kind);
    describeRequests(kind);
    describeFailures(kind);
  });
}
