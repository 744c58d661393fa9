// Selectors of labels and fields, as far as the operator uses them, and what a watch with one tells.
import type { HistoryEntry, MockObject } from './mock-objects.ts';

/** whether the query's selectors, if it has any, fit the object */
export function selected(object: MockObject, query: URLSearchParams): boolean {
  const labels = (query.get('labelSelector') ?? '').split(',').filter((term) => term !== '');
  const fields = (query.get('fieldSelector') ?? '').split(',').filter((term) => term !== '');
  return (
    labels.every((term) => {
      const [key = '', value] = term.split('=');
      const found = object.metadata.labels?.[key];
      return value === undefined ? found !== undefined : found === value;
    }) && fields.every((term) => term === `metadata.name=${object.metadata.name}`)
  );
}

/** to a watch with a selector, an object that starts or stops matching is one that comes or goes */
export function seenAs(
  { type, object, previous }: HistoryEntry,
  query: URLSearchParams,
): HistoryEntry['type'] | undefined {
  const before = previous !== undefined && selected(previous, query);
  const now = type !== 'DELETED' && selected(object, query);
  if (before) return now ? 'MODIFIED' : 'DELETED';
  return now ? 'ADDED' : undefined;
}
