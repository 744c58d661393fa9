// A reason to refuse a pod, before it is known who asks: the webhook denies with its code, the key service refuses the
// lease and names only the detail.
import type { ErrorCode } from '@seks/crds';

export interface Finding {
  code: ErrorCode;
  /** one sentence that names the field and what to do about it, never a value of a variable */
  detail: string;
}

/** `spec.containers[0]` and the container's name, for messages */
export function placeOf(place: { list: string; index: number; container: { name: string } }): string {
  return `spec.${place.list}[${place.index}] (${place.container.name})`;
}
