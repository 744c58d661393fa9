// Bedrock's chats: whole, as a binary stream of events, and in the language of one of its models.
import { eventStreamMessage } from './event-stream-message.ts';
import { chatReply } from './generic-answers.ts';
import { countTokens, type Answer } from './provider-stub.ts';
import { jsonReply } from './reply.ts';

/** contents have no type here */
export const bedrockConverse = chatReply((_call, answer, prompt) =>
  jsonReply({
    output: { message: { role: 'assistant', content: [{ text: answer.text }] } },
    stopReason: 'end_turn',
    usage: bedrockUsage(answer, prompt),
    metrics: { latencyMs: 12 },
  }),
);

export const bedrockConverseStream = chatReply((_call, answer, prompt) => ({
  status: 200,
  headers: { 'content-type': 'application/vnd.amazon.eventstream' },
  parts: [
    eventStreamMessage('messageStart', { role: 'assistant' }),
    ...answer.pieces.map((text) =>
      eventStreamMessage('contentBlockDelta', { contentBlockIndex: 0, delta: { text } }),
    ),
    eventStreamMessage('contentBlockStop', { contentBlockIndex: 0 }),
    eventStreamMessage('messageStop', { stopReason: 'end_turn' }),
    // A cache makes its counts differ from the others': a test that finds them has read this stream.
    eventStreamMessage('metadata', {
      usage: { ...bedrockUsage(answer, prompt), cacheReadInputTokens: 7, cacheWriteInputTokens: 5 },
      metrics: { latencyMs: 12 },
    }),
  ],
  gapMs: 2,
}));

/** as Amazon's own models answer; the counts are told in headers besides */
export const bedrockInvoke = chatReply((_call, answer, prompt) => {
  const usage = bedrockUsage(answer, prompt);
  const body = {
    output: { message: { role: 'assistant', content: [{ text: answer.text }] } },
    stopReason: 'end_turn',
    usage,
  };
  return jsonReply(body, 200, {
    'x-amzn-bedrock-input-token-count': String(usage.inputTokens),
    'x-amzn-bedrock-output-token-count': String(usage.outputTokens),
  });
});

function bedrockUsage(answer: Answer, prompt: string) {
  const inputTokens = countTokens(prompt);
  const outputTokens = countTokens(answer.text);
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
}
