// docs/errors.md from the error catalogue.
import { type ErrorCode, ERRORS, reasonOf } from '../src/errors/catalogue.ts';
import type { ErrorSpec } from '../src/errors/error-spec.ts';

const AREAS: Record<ErrorSpec['area'], { title: string; text: string }> = {
  request: {
    title: 'Requests',
    text: 'The sidecar refused what the agent sent. Nothing reached the provider.',
  },
  binding: {
    title: 'Bindings and providers',
    text: 'A SeksBinding or SeksProvider does not permit the use. The agent cannot change that; its author can.',
  },
  sealed: {
    title: 'Sealed Secrets',
    text: 'The real key could not be opened. The next source of the credential is not tried: a present but unusable key is never a reason to spend another one.',
  },
  lease: {
    title: 'Leases',
    text: 'The sidecar has no right to use its keys at the moment, or cannot prove which pod it is.',
  },
  injection: {
    title: 'Injection',
    text: 'The webhook refused the pod. The message is shown by `kubectl describe` of the pod’s owner.',
  },
  upstream: {
    title: 'Providers’ side',
    text: 'The request was permitted, but the provider could not be reached or answered in a way that cannot be passed on.',
  },
  internal: { title: 'Other', text: 'The component itself.' },
};

/** the whole page as Markdown; every code appears once */
export function errorReference(): string {
  const page = [
    '# Errors',
    'Every refusal carries one of these codes: in the answer’s header `x-seks-error` and JSON body, in the metric label ' +
      '`code`, in the log field `code`. As a condition or event reason a code is written in CamelCase. Answers with ' +
      '*retry* “no” also carry `x-should-retry: false`: SDKs then do not repeat them.',
    '```json\n' +
      JSON.stringify(
        {
          type: 'error',
          error: {
            type: 'seks_error',
            code: 'SEKS_ROUTE_DENIED',
            message: ERRORS.SEKS_ROUTE_DENIED.summary,
            hint: ERRORS.SEKS_ROUTE_DENIED.hint,
          },
        },
        null,
        2,
      ) +
      '\n```',
  ];
  for (const [area, { title, text }] of Object.entries(AREAS)) {
    const rows = Object.entries(ERRORS).filter(([, spec]) => spec.area === area);
    page.push(`## ${title}`, text, table(rows as [ErrorCode, ErrorSpec][]));
  }
  return `${page.join('\n\n')}\n`;
}

function table(rows: [ErrorCode, ErrorSpec][]): string {
  const lines = rows.map(
    ([code, spec]) =>
      `| \`${code}\` | ${spec.status} | ${spec.retry ? 'yes' : 'no'} | ${cell(spec.summary)} | ${cell(spec.hint)} | \`${reasonOf(code)}\` |`,
  );
  return ['| code | HTTP | retry | what | what to do | reason |', '|---|---|---|---|---|---|', ...lines].join(
    '\n',
  );
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
