// An agent's use of the package @elevenlabs/elevenlabs-js, which reads its key from the environment but not its address.
import { ElevenLabsClient } from '@elevenlabs/elevenlabs-js';
import { buffer } from 'node:stream/consumers';
import { expect, runSteps, thrown } from './steps.mjs';

const SPEECH_BYTES = 32_768;
const { ELEVENLABS_BASE_URL: baseUrl } = process.env;
const client = new ElevenLabsClient({ maxRetries: 0, ...(baseUrl === undefined ? {} : { baseUrl }) });

/** all of the sound that comes */
async function bytesOf(sound) {
  const { length } = await buffer(await sound);
  expect(length === SPEECH_BYTES, `${length} bytes of sound`);
  return { bytes: length };
}

await runSteps({
  speech: () => bytesOf(client.textToSpeech.convert('some-voice', { text: 'Hello.', modelId: 'eleven_v3' })),
  'speech.stream': () => bytesOf(client.textToSpeech.stream('some-voice', { text: 'Hello.' })),
  async voices() {
    const { voices } = await client.voices.search({ search: 'calm' });
    return { name: voices[0].name };
  },
  async echo() {
    const { voices } = await client.voices.search({ search: 'echo-key' });
    return { name: voices[0].name };
  },
  async 'error.key'() {
    const error = await thrown(() => client.voices.search({ search: 'fail.401' }));
    expect(error.message.includes('Invalid API key'), error.message);
    return error;
  },
});
