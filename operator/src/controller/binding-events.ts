// Events about bindings: told once when a binding stops working for a reason that somebody can do something about.
import { reasonOf } from '@seks/crds';
import type { SeksBinding, SeksCondition } from '@seks/crds';
import type { Logger } from 'pino';

import type { KubeApi } from '../kube/kube-api.ts';
import type { KubeEvent } from '../kube/objects.ts';
import { EVENTS, SEKS_BINDINGS, apiVersionOf } from '../kube/resources.ts';

/** its author did that on purpose; nothing to warn about */
const DELIBERATE = new Set([reasonOf('SEKS_BINDING_SUSPENDED')]);
/** the API server refuses longer notes */
const MAX_NOTE_LENGTH = 1000;

/** remembers what was said about each binding, so that nothing is said twice */
export interface BindingEvents {
  /** tells about the binding's new Ready condition if that is a new problem */
  report(binding: SeksBinding, ready: SeksCondition, signal: AbortSignal): Promise<void>;
  forget(uid: string): void;
}

/** writes events of events.k8s.io/v1 */
export function createBindingEvents(deps: {
  api: Pick<KubeApi, 'create'>;
  /** name of this process, the pod's */
  instance: string;
  clock: () => number;
  log: Logger;
}): BindingEvents {
  const said = new Map<string, string>();
  return {
    async report(binding, ready, signal) {
      const uid = binding.metadata.uid ?? '';
      // After a restart the stored status tells what was said: it is written after the event.
      const before =
        said.get(uid) ?? binding.status?.conditions?.find(({ type }) => type === 'Ready')?.reason;
      if (before !== ready.reason && ready.status === 'False' && !DELIBERATE.has(ready.reason)) {
        const event = eventOf(binding, ready, deps.instance, deps.clock());
        try {
          await deps.api.create(EVENTS, event, { namespace: event.metadata.namespace }, signal);
        } catch (error) {
          // The condition says the same; that it can be written matters more.
          deps.log.warn(
            { event: 'event_not_written', reason: ready.reason, err: error },
            'event not written',
          );
        }
      }
      said.set(uid, ready.reason);
    },
    forget: (uid) => void said.delete(uid),
  };
}

function eventOf(binding: SeksBinding, ready: SeksCondition, instance: string, nowMs: number): KubeEvent {
  const { name, namespace = 'default', uid, resourceVersion } = binding.metadata;
  return {
    metadata: { generateName: `${name}-`, namespace },
    // A MicroTime: six digits.
    eventTime: new Date(nowMs).toISOString().replace('Z', '000Z'),
    type: 'Warning',
    reason: ready.reason,
    action: 'Reconcile',
    note: ready.message.slice(0, MAX_NOTE_LENGTH),
    reportingController: 'seks.ai/controller',
    reportingInstance: instance.slice(0, 128),
    regarding: {
      apiVersion: apiVersionOf(SEKS_BINDINGS),
      kind: SEKS_BINDINGS.kind,
      namespace,
      name,
      uid,
      resourceVersion,
    },
  };
}
