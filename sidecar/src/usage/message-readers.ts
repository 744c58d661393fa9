// Which format's messages are read how.
import { createGeminiMessages } from './gemini-messages.ts';
import type { MessageUsage } from './message-usage.ts';
import { createOpenAiMessages } from './openai-messages.ts';
import type { UsageFormat } from './token-counts.ts';

/** a reader for one connection, or undefined if the format has no WebSocket API */
export function createMessageUsage(format: UsageFormat): MessageUsage | undefined {
  if (format === 'OpenAI') return createOpenAiMessages();
  return format === 'Gemini' ? createGeminiMessages() : undefined;
}
