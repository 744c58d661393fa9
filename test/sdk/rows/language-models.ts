// The scenarios of the language model APIs.
import type { SdkRow, SidecarRun } from '../row.ts';

const throughSidecar = (env: Readonly<Record<string, string>>): readonly SidecarRun[] => [
  { mode: 'BaseURL', env },
  { mode: 'HostAlias' },
  { mode: 'Proxy' },
];
/** packages that bring the `ws` module use no proxy for their WebSockets */
const onProxy = (row: SdkRow, steps: readonly string[]): SdkRow => ({
  ...row,
  throughSidecar: row.throughSidecar.map((run) => (run.mode === 'Proxy' ? { ...run, steps } : run)),
});
/** Python packages use TLS for their WebSockets, whatever the base URL says, and know only the bundle of authorities */
const onBundle = (row: SdkRow, overHttp: readonly string[], overTls: readonly string[]): SdkRow => ({
  ...row,
  throughSidecar: row.throughSidecar.flatMap((run): SidecarRun[] =>
    run.mode === 'BaseURL'
      ? [
          { ...run, steps: overHttp },
          { ...run, steps: overTls, withBundle: true },
        ]
      : [run],
  ),
});
const OPENAI_BY_HTTP = [
  'chat',
  'chat.stream',
  'responses',
  'responses.stream',
  'embeddings',
  'upload',
  'echo',
  'echo.stream',
  'error.key',
  'error.denied',
];
const GEMINI_BY_HTTP = [
  'generate',
  'generate.stream',
  'upload',
  'echo',
  'echo.stream',
  'echo.error',
  'error.key',
  'error.denied',
];
const OPENAI: Pick<SdkRow, 'keys' | 'throughSidecar'> = {
  keys: { OPENAI_API_KEY: 'openai' },
  throughSidecar: throughSidecar({ OPENAI_BASE_URL: 'http://127.0.0.1:15080/openai/v1' }),
};
const ANTHROPIC: Pick<SdkRow, 'keys' | 'throughSidecar'> = {
  keys: { ANTHROPIC_API_KEY: 'anthropic' },
  throughSidecar: throughSidecar({ ANTHROPIC_BASE_URL: 'http://127.0.0.1:15080/anthropic' }),
};
const GEMINI: Pick<SdkRow, 'keys' | 'throughSidecar'> = {
  keys: { GEMINI_API_KEY: 'gemini' },
  throughSidecar: throughSidecar({ GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:15080/gemini' }),
};
const GROQ: Pick<SdkRow, 'keys' | 'throughSidecar'> = {
  keys: { GROQ_API_KEY: 'groq' },
  throughSidecar: throughSidecar({ GROQ_BASE_URL: 'http://127.0.0.1:15080/groq' }),
};

const DENIED = { deniedSteps: ['error.denied'] };

export const languageModelRows: readonly SdkRow[] = [
  onProxy(
    { scenario: 'openai.mjs', ...OPENAI, ...DENIED, echoSteps: ['echo', 'echo.stream', 'echo.realtime'] },
    // Node's own WebSocket does use the proxy.
    [...OPENAI_BY_HTTP, 'realtime.native'],
  ),
  { scenario: 'anthropic.mjs', ...ANTHROPIC, ...DENIED, echoSteps: ['echo', 'echo.stream'] },
  onProxy(
    {
      scenario: 'gemini.mjs',
      ...GEMINI,
      ...DENIED,
      echoSteps: ['echo', 'echo.stream', 'echo.live', 'echo.error'],
    },
    GEMINI_BY_HTTP,
  ),
  { scenario: 'groq.mjs', ...GROQ, echoSteps: ['echo'] },
  { scenario: 'vercel-ai.mjs', ...OPENAI, echoSteps: ['echo'] },
  { scenario: 'langchain.mjs', ...OPENAI, echoSteps: ['echo'] },
  onBundle(
    { scenario: 'openai.py', ...OPENAI, ...DENIED, echoSteps: ['echo', 'echo.stream', 'echo.realtime'] },
    OPENAI_BY_HTTP,
    ['realtime', 'echo.realtime'],
  ),
  { scenario: 'anthropic.py', ...ANTHROPIC, echoSteps: ['echo', 'echo.stream'] },
  onBundle(
    { scenario: 'gemini.py', ...GEMINI, echoSteps: ['echo', 'echo.stream', 'echo.live', 'echo.error'] },
    GEMINI_BY_HTTP.filter((step) => step !== 'error.denied'),
    ['live', 'echo.live'],
  ),
  { scenario: 'groq.py', ...GROQ, echoSteps: ['echo'] },
  {
    scenario: 'requests.py',
    keys: { OPENAI_API_KEY: 'openai', GEMINI_API_KEY: 'gemini' },
    echoSteps: ['echo.header', 'echo.query'],
    throughSidecar: throughSidecar({
      OPENAI_BASE_URL: 'http://127.0.0.1:15080/openai/v1',
      GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:15080/gemini',
    }),
  },
];
