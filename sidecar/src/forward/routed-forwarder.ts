// Chooses between two forwarders for each request, by its body alone; docs/adr/0007-two-forwarders.md says why.
import type { Forwarder } from './forwarder.ts';
import { pendingBodyBytes } from './request-body.ts';

/** longer bodies are uploads */
export const MAX_EXCHANGE_BODY_BYTES = 64 * 1024;

export interface RoutedForwarders {
  /** requests whose body is short, or was read before */
  exchanges: Forwarder;
  /** requests whose body is long, or of unknown length */
  uploads: Forwarder;
}

/** a forwarder that hands each request to the one that suits it */
export function createRoutedForwarder({ exchanges, uploads }: RoutedForwarders): Forwarder {
  return {
    forward(forwarding) {
      return (isUpload(forwarding) ? uploads : exchanges).forward(forwarding);
    },
  };
}

function isUpload(forwarding: Parameters<Forwarder['forward']>[0]): boolean {
  if (forwarding.body !== undefined) return false;
  const bytes = pendingBodyBytes(forwarding);
  return bytes === undefined || bytes > MAX_EXCHANGE_BODY_BYTES;
}
