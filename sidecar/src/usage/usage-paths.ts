// Where each provider's answers carry usage, the model's name and the text that the model wrote.
import { INVOCATION_METRICS } from './bedrock-usage.ts';
import { compilePaths, type PathNode, type WatchedPath } from './json-paths.ts';
import type { UsageFormat } from './token-counts.ts';

// `response`: events of the responses API; `x_groq`: Groq's own, beside or instead of the usual.
const OPENAI: readonly WatchedPath[] = [
  ...take('object', 'usage', 'response.usage', 'x_groq.usage'),
  ...take('string', 'model', 'response.model'),
  ...take('text', 'delta', 'output.**.text', 'output.**.arguments'),
  ...take('text', 'choices.**.content', 'choices.**.text', 'choices.**.refusal', 'choices.**.arguments'),
  ...take('text', 'choices.**.reasoning', 'choices.**.reasoning_content', 'choices.**.transcript'),
];

// `message`: message_start.
const ANTHROPIC: readonly WatchedPath[] = [
  ...take('object', 'usage', 'message.usage'),
  ...take('string', 'model', 'message.model'),
  ...take('text', 'delta.text', 'delta.thinking', 'delta.partial_json'),
  ...take('text', 'content.**.text', 'content.**.thinking'),
];

/** of HTTP answers: whole JSON, and the data of events, which differ only in the parent */
export const ANSWER_PATHS: Readonly<Record<UsageFormat, PathNode>> = {
  OpenAI: compilePaths(OPENAI),
  Anthropic: compilePaths(ANTHROPIC),
  // Without `alt=sse` a stream is one JSON array. `interaction`, `metadata`: events of interactions.
  Gemini: compilePaths(
    [
      ...take('object', 'usageMetadata', 'usage', 'interaction.usage', 'metadata.total_usage'),
      ...take('string', 'modelVersion', 'model', 'interaction.model'),
      ...take('text', 'candidates.**.text', 'delta.**.text', 'delta.**.arguments'),
    ],
    true,
  ),
  // `meta`: embeddings and the first version of the API; `response`: the end of its streams, which repeats the text.
  Cohere: compilePaths([
    ...take('object', 'usage', 'delta.usage', 'meta', 'response.meta'),
    ...take('string', 'model'),
    ...take('text', 'delta.message.**.text', 'delta.message.**.thinking', 'delta.message.**.arguments'),
    ...take('text', 'message.**.text', 'message.**.thinking', 'message.**.arguments'),
    ...take('text', 'text', 'tool_call_delta.parameters', 'generations.**.text'),
  ]),
  // Other vendors' models answer InvokeModel in their own languages, some in OpenAI's, and all that the paths below `/openai` serve.
  // `metadata`, `contentBlockDelta`: Nova's own stream; `event`: Nova Sonic's.
  Bedrock: compilePaths([
    ...OPENAI,
    ...ANTHROPIC,
    ...take('object', 'metadata.usage', 'event.usageEvent', INVOCATION_METRICS),
    ...take('text', 'delta.toolUse.input', 'delta.reasoningContent.text'),
    ...take('text', 'contentBlockDelta.**.text', 'contentBlockDelta.**.input'),
    // Llama, Titan, Mistral, Command.
    ...take('text', 'generation', 'outputText', 'results.**.outputText', 'outputs.**.text', 'text'),
  ]),
};

/** of WebSocket messages from the provider */
export const MESSAGE_PATHS = {
  // `event`: what a live session passes on from the responses API.
  OpenAI: compilePaths([
    ...take('object', 'usage', 'response.usage', 'event.response.usage'),
    ...take('string', 'type', 'event.type'),
    ...take('string', 'session.model', 'response.model', 'event.response.model'),
    ...take('text', 'delta', 'event.delta'),
  ]),
  Gemini: compilePaths([
    ...take('object', 'usageMetadata'),
    ...take('presence', 'serverContent', 'toolCall', 'serverContent.turnComplete', 'serverContent.modelTurn'),
    ...take('text', 'serverContent.modelTurn.**.text'),
  ]),
} as const satisfies Partial<Record<UsageFormat, PathNode>>;

/** of WebSocket messages from the client: what it asks for, and, as text, the sound and pictures within, which are fewer tokens a byte */
export const ASKING_PATHS = {
  OpenAI: compilePaths([
    ...take('string', 'type'),
    ...take('text', 'audio', 'item.**.audio', 'item.**.image_url', 'input.**.image_url'),
    ...take('text', 'response.input.**.audio', 'response.input.**.image_url'),
  ]),
  // Google takes snake case, too.
  Gemini: compilePaths([
    ...take('presence', 'setup', 'realtimeInput', 'realtime_input'),
    ...take('text', 'realtimeInput.**.data', 'realtime_input.**.data'),
    ...take('text', 'clientContent.**.data', 'client_content.**.data'),
  ]),
} as const satisfies Partial<Record<keyof typeof MESSAGE_PATHS, PathNode>>;

function take(kind: WatchedPath['take'], ...paths: readonly string[]): WatchedPath[] {
  return paths.map((path) => ({ path: path.split('.'), take: kind }));
}
