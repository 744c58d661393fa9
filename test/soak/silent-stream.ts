// A stream that is silent for minutes, as reasoning models are: it must come to its end.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';

import type { SoakResult } from './requests.ts';
import type { Subject } from './subject.ts';

const PROGRESS_MS = 60_000;

/** keeps a stream silent for that long */
export async function soakSilentStream(
  subject: Subject,
  { minutes, progress }: { minutes: number; progress: (text: string) => void },
): Promise<SoakResult> {
  const silenceMs = minutes * 60_000;
  subject.upstream.answer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: first\n\n');
    setTimeout(() => response.end('data: last\n\n'), silenceMs);
  });
  const startedMs = performance.now();
  const seconds = (): number => (performance.now() - startedMs) / 1_000;
  const timer = setInterval(() => progress(`silent for ${seconds().toFixed(0)} s`), PROGRESS_MS);
  try {
    const request = subject.request('POST').end('{}');
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of answer) text += String(chunk);
    const ok = text === 'data: first\n\ndata: last\n\n' && answer.complete;
    progress(ok ? 'the stream came to its end' : `the stream broke: ${JSON.stringify(text)}`);
    return { ok, figures: { silentSeconds: seconds(), residentMiB: subject.residentMiB() } };
  } finally {
    clearInterval(timer);
  }
}
