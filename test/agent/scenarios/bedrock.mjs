// An agent's use of the package @aws-sdk/client-bedrock-runtime with a Bearer key. Key, region and address are in the environment.
// It speaks HTTP/2, also to an address of http://; the steps named http1 choose the SDK's other handler, which speaks HTTP/1.1.
import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
} from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect, runSteps, thrown } from './steps.mjs';

const client = new BedrockRuntimeClient({ maxAttempts: 1 });
const http1 = new BedrockRuntimeClient({ maxAttempts: 1, requestHandler: new NodeHttpHandler() });
const modelId = 'amazon.nova-lite-v1:0';
const messages = [{ role: 'user', content: [{ text: 'hello there' }] }];

async function converse(bedrock, model = modelId) {
  const { output, usage } = await bedrock.send(new ConverseCommand({ modelId: model, messages }));
  return { text: output.message.content[0].text, usage };
}

async function stream(bedrock) {
  const { stream: events } = await bedrock.send(new ConverseStreamCommand({ modelId, messages }));
  let text = '';
  let usage;
  for await (const event of events) {
    text += event.contentBlockDelta?.delta.text ?? '';
    usage = event.metadata?.usage ?? usage;
  }
  expect(text !== '' && usage !== undefined, 'no text or no usage came');
  return { text, usage };
}

await runSteps({
  converse: () => converse(client),
  'converse.stream': () => stream(client),
  async invoke() {
    const command = new InvokeModelCommand({
      modelId,
      contentType: 'application/json',
      body: JSON.stringify({ messages }),
    });
    const { body } = await client.send(command);
    const { output, usage } = JSON.parse(new TextDecoder().decode(body));
    return { text: output.message.content[0].text, usage };
  },
  // HTTP/2 carries them beside each other in one connection.
  async parallel() {
    const texts = await Promise.all(Array.from({ length: 8 }, () => converse(client)));
    expect(new Set(texts.map(({ text }) => text)).size === 1, 'the answers differ');
    return { answers: texts.length };
  },
  echo: () => converse(client, 'echo-key'),
  'error.key': () => refused(client),
  'http1.converse': () => converse(http1),
  'http1.converse.stream': () => stream(http1),
  'http1.echo': () => converse(http1, 'echo-key'),
  'http1.error.key': () => refused(http1),
});

async function refused(bedrock) {
  const error = await thrown(() => converse(bedrock, 'fail.403'));
  expect(error.message.includes('Please make sure your API Key is valid'), `${error.name} ${error.message}`);
  return error;
}
