// Metrics and audit of one credential in one container, looked up once and then kept: what a request writes to costs no search.
import type { Tier } from '@seks/crds';

import type { Audit, AuditWriter } from '../audit/audit.ts';
import type { TokenEntry } from '../credential/tokens.ts';
import type { RequestMetrics, SidecarMetrics } from '../metrics/sidecar-metrics.ts';

/** where requests of one kind are written down */
export interface Ledger {
  metrics: RequestMetrics;
  audit: AuditWriter;
}

/** finds the ledger of a request, as far as is known whose it is */
export interface Ledgers {
  for(entry: TokenEntry | undefined, tier: Tier | undefined): Ledger;
}

/** ledgers over metrics and audit */
export function createLedgers(metrics: SidecarMetrics, audit: Audit): Ledgers {
  // Bounded: the pod's tokens times the tiers.
  const known = new Map<TokenEntry | undefined, Map<Tier | undefined, Ledger>>();
  const open = (entry: TokenEntry | undefined, tier: Tier | undefined): Ledger => {
    const { agent = '', container = '', binding = '', credential = '', provider = '' } = entry ?? {};
    const subject = { agent, credential, provider, tier: tier ?? '' };
    return {
      metrics: metrics.for({ ...subject, agent_container: container }),
      audit: audit.for({ ...subject, container, binding }),
    };
  };
  return {
    for(entry, tier) {
      let tiers = known.get(entry);
      if (tiers === undefined) known.set(entry, (tiers = new Map()));
      let ledger = tiers.get(tier);
      if (ledger === undefined) tiers.set(tier, (ledger = open(entry, tier)));
      return ledger;
    },
  };
}
