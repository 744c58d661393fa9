// Chat completions, the format that OpenAI and Groq share.
import { countTokens, jsonModel, lastContent, type Answer, type ApiCall } from './provider-stub.ts';
import { dataEvent, eventStreamReply, jsonReply, type Reply } from './reply.ts';

export interface ChatFlavour {
  readonly headers: (call: ApiCall) => Record<string, string>;
  /** added to a whole answer */
  readonly whole: (usage: ChatUsage) => Record<string, unknown>;
  /** added to the chunk that carries the finish reason */
  readonly lastChunk: (usage: ChatUsage) => Record<string, unknown>;
}

export interface ChatUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

export function chatCompletion(call: ApiCall, answer: Answer, flavour: ChatFlavour): Reply {
  const usage = chatUsage(call, answer);
  const head = {
    id: call.newId('chatcmpl-'),
    created: Math.floor(call.nowMs / 1000),
    model: jsonModel(call) ?? '',
    system_fingerprint: 'fp_stub',
  };
  if (call.json?.['stream'] !== true) {
    const message = { role: 'assistant', content: answer.text, refusal: null, annotations: [] };
    const body = {
      ...head,
      object: 'chat.completion',
      choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }],
      usage,
      ...flavour.whole(usage),
    };
    return jsonReply(body, 200, flavour.headers(call));
  }
  const wantsUsage =
    (call.json['stream_options'] as { include_usage?: unknown } | undefined)?.include_usage === true;
  const chunk = (choices: unknown[], more: Record<string, unknown> = {}): string =>
    dataEvent({
      ...head,
      object: 'chat.completion.chunk',
      choices,
      ...(wantsUsage ? { usage: null } : {}),
      ...more,
    });
  const delta = (content: Record<string, unknown>, finish: string | null = null): unknown[] => [
    { index: 0, delta: content, logprobs: null, finish_reason: finish },
  ];
  return eventStreamReply(
    [
      chunk(delta({ role: 'assistant', content: '', refusal: null })),
      ...answer.pieces.map((piece) => chunk(delta({ content: piece }))),
      chunk(delta({}, 'stop'), flavour.lastChunk(usage)),
      ...(wantsUsage ? [chunk([], { usage })] : []),
      dataEvent('[DONE]'),
    ],
    flavour.headers(call),
  );
}

function chatUsage(call: ApiCall, answer: Answer): ChatUsage & Record<string, unknown> {
  const prompt = countTokens(lastContent(call.json?.['messages']));
  const completion = countTokens(answer.text);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
}
