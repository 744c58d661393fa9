// OpenAI's responses API: one object, or a stream of named events with the object in the last one.
import { countTokens, jsonModel, lastContent, type Answer, type ApiCall } from './provider-stub.ts';
import { eventStreamReply, jsonReply, namedEvent, type Reply } from './reply.ts';

export function responsePrompt(call: ApiCall): string {
  const input = call.json?.['input'];
  return typeof input === 'string' ? input : lastContent(input);
}

export function modelResponse(call: ApiCall, answer: Answer, headers: Record<string, string>): Reply {
  const itemId = call.newId('msg_');
  const part = (text: string): object => ({ type: 'output_text', text, annotations: [], logprobs: [] });
  const item = (status: string, content: object[]): object => ({
    id: itemId,
    type: 'message',
    role: 'assistant',
    status,
    content,
  });
  const inputTokens = countTokens(responsePrompt(call));
  const outputTokens = countTokens(answer.text);
  const started = {
    id: call.newId('resp_'),
    object: 'response',
    created_at: Math.floor(call.nowMs / 1000),
    status: 'in_progress',
    model: jsonModel(call) ?? '',
    error: null,
    incomplete_details: null,
    output: [] as object[],
    parallel_tool_calls: true,
    tool_choice: 'auto',
    tools: [],
    usage: null as object | null,
  };
  const completed = {
    ...started,
    status: 'completed',
    output: [item('completed', [part(answer.text)])],
    usage: {
      input_tokens: inputTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: outputTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: inputTokens + outputTokens,
    },
  };
  if (call.json?.['stream'] !== true) return jsonReply(completed, 200, headers);

  let sequence = 0;
  const event = (type: string, more: object): string =>
    namedEvent({ type, sequence_number: sequence++, ...more });
  const place = { item_id: itemId, output_index: 0, content_index: 0 };
  return eventStreamReply(
    [
      event('response.created', { response: started }),
      event('response.in_progress', { response: started }),
      event('response.output_item.added', { output_index: 0, item: item('in_progress', []) }),
      event('response.content_part.added', { ...place, part: part('') }),
      ...answer.pieces.map((delta) => event('response.output_text.delta', { ...place, delta, logprobs: [] })),
      event('response.output_text.done', { ...place, text: answer.text, logprobs: [] }),
      event('response.content_part.done', { ...place, part: part(answer.text) }),
      event('response.output_item.done', { output_index: 0, item: item('completed', [part(answer.text)]) }),
      event('response.completed', { response: completed }),
    ],
    headers,
  );
}
