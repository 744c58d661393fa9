// Where each provider's answers carry usage, the model's name and the text that the model wrote.
import { compilePaths, type PathNode, type WatchedPath } from './json-paths.ts';
import type { UsageFormat } from './token-counts.ts';

/** of HTTP answers: whole JSON, and the data of events, which differ only in the parent */
export const ANSWER_PATHS: Readonly<Record<UsageFormat, PathNode>> = {
  // `response`: events of the responses API; `x_groq`: Groq's own, beside or instead of the usual.
  OpenAI: compilePaths([
    ...take('object', 'usage', 'response.usage', 'x_groq.usage'),
    ...take('string', 'model', 'response.model'),
    ...take('text', 'delta', 'output.**.text', 'output.**.arguments'),
    ...take('text', 'choices.**.content', 'choices.**.text', 'choices.**.refusal', 'choices.**.arguments'),
    ...take('text', 'choices.**.reasoning', 'choices.**.reasoning_content', 'choices.**.transcript'),
  ]),
  // `message`: message_start.
  Anthropic: compilePaths([
    ...take('object', 'usage', 'message.usage'),
    ...take('string', 'model', 'message.model'),
    ...take('text', 'delta.text', 'delta.thinking', 'delta.partial_json'),
    ...take('text', 'content.**.text', 'content.**.thinking'),
  ]),
  // Without `alt=sse` a stream is one JSON array. `interaction`, `metadata`: events of interactions.
  Gemini: compilePaths(
    [
      ...take('object', 'usageMetadata', 'usage', 'interaction.usage', 'metadata.total_usage'),
      ...take('string', 'modelVersion', 'model', 'interaction.model'),
      ...take('text', 'candidates.**.text', 'delta.**.text', 'delta.**.arguments'),
    ],
    true,
  ),
  // `meta`: embeddings and the first version of the API.
  Cohere: compilePaths([
    ...take('object', 'usage', 'delta.usage', 'meta'),
    ...take('string', 'model'),
    ...take('text', 'delta.message.**.text', 'delta.message.**.thinking', 'delta.message.**.arguments'),
    ...take('text', 'message.**.text', 'message.**.thinking', 'message.**.arguments'),
  ]),
  Bedrock: compilePaths([
    ...take('object', 'usage'),
    ...take('string', 'model'),
    ...take('text', 'output.**.text', 'content.**.text'),
  ]),
};

/** of WebSocket messages from the provider */
export const MESSAGE_PATHS = {
  // `event`: what a live session passes on from the responses API.
  OpenAI: compilePaths([
    ...take('object', 'usage', 'response.usage', 'event.response.usage'),
    ...take('string', 'type', 'event.type'),
    ...take('string', 'session.model', 'response.model', 'event.response.model'),
  ]),
  Gemini: compilePaths([
    ...take('object', 'usageMetadata'),
    ...take('presence', 'serverContent', 'toolCall', 'serverContent.turnComplete'),
  ]),
} as const satisfies Partial<Record<UsageFormat, PathNode>>;

function take(kind: WatchedPath['take'], ...paths: readonly string[]): WatchedPath[] {
  return paths.map((path) => ({ path: path.split('.'), take: kind }));
}
