// What every forwarder has to do, over real sockets and real TLS.
import { describe } from '@jest/globals';

import { describeAbortedRequests } from './conformance/aborted-requests.ts';
import { describeAnswers } from './conformance/answers.ts';
import { describeBrokenAnswers } from './conformance/broken-answers.ts';
import { describeRequests } from './conformance/requests.ts';
import { describeUnreachableProvider } from './conformance/unreachable-provider.ts';
import type { ForwarderKind } from './forwarder-kinds.ts';

/** declares the tests for one kind of forwarder */
export function describeForwarder(kind: ForwarderKind): void {
  describe(kind, () => {
    describeAnswers(kind);
    describeRequests(kind);
    describeUnreachableProvider(kind);
    describeBrokenAnswers(kind);
    describeAbortedRequests(kind);
  });
}
