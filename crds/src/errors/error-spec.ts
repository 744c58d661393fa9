// What the catalogue says of an error.

/** where an error shows first */
export type ErrorArea = 'request' | 'binding' | 'sealed' | 'lease' | 'injection' | 'upstream' | 'internal';

export interface ErrorSpec {
  /** HTTP status of an answer that carries this code */
  readonly status: number;
  /** whether the same request may succeed later without anyone changing anything */
  readonly retry: boolean;
  readonly area: ErrorArea;
  /** what went wrong, one sentence */
  readonly summary: string;
  /** what to do, one sentence */
  readonly hint: string;
}

/** the errors of one area, by code */
export function errorsOf<Code extends string>(
  area: ErrorArea,
  errors: Record<Code, Omit<ErrorSpec, 'area'>>,
): Readonly<Record<Code, ErrorSpec>> {
  const entries = Object.entries<Omit<ErrorSpec, 'area'>>(errors);
  return Object.fromEntries(entries.map(([code, spec]) => [code, { ...spec, area }])) as Record<
    Code,
    ErrorSpec
  >;
}
