// An agent's use of the package @elevenlabs/elevenlabs-js. It reads its key from the environment, but not its address, and for
// transcription not even the key.
import { AudioFormat, ElevenLabsClient, RealtimeEvents } from '@elevenlabs/elevenlabs-js';
import { buffer } from 'node:stream/consumers';
import { expect, runSteps, thrown } from './steps.mjs';

const SPEECH_BYTES = 32_768;
const SAMPLE_RATE = 16_000;
const { ELEVENLABS_API_KEY: apiKey, ELEVENLABS_BASE_URL: baseUrl } = process.env;
const address = baseUrl === undefined ? {} : { baseUrl };
const client = new ElevenLabsClient({ maxRetries: 0, ...address });

/** all of the sound that comes */
async function bytesOf(sound) {
  const { length } = await buffer(await sound);
  expect(length === SPEECH_BYTES, `${length} bytes of sound`);
  return { bytes: length };
}

/** half a second of sound and what was heard of it */
async function transcribe(modelId) {
  const scribe = new ElevenLabsClient({ apiKey, ...address }).speechToText.realtime;
  const connection = await scribe.connect({
    modelId,
    audioFormat: AudioFormat.PCM_16000,
    sampleRate: SAMPLE_RATE,
  });
  const { promise: heard, resolve, reject } = Promise.withResolvers();
  connection.on(RealtimeEvents.ERROR, reject);
  connection.on(RealtimeEvents.CLOSE, () => reject(new Error('it was closed before anything was heard')));
  connection.on(RealtimeEvents.COMMITTED_TRANSCRIPT, ({ text }) => resolve(text));
  connection.on(RealtimeEvents.SESSION_STARTED, () => {
    connection.send({ audioBase64: Buffer.alloc(SAMPLE_RATE).toString('base64') });
    connection.commit();
  });
  const text = await heard;
  connection.close();
  return { text };
}

await runSteps({
  speech: () => bytesOf(client.textToSpeech.convert('some-voice', { text: 'Hello.', modelId: 'eleven_v3' })),
  'speech.stream': () => bytesOf(client.textToSpeech.stream('some-voice', { text: 'Hello.' })),
  async voices() {
    const { voices } = await client.voices.search({ search: 'calm' });
    return { name: voices[0].name };
  },
  async realtime() {
    const { text } = await transcribe('scribe_v2_realtime');
    expect(text === `${SAMPLE_RATE} bytes of sound`, text);
    return { text };
  },
  'echo.realtime': () => transcribe('echo-key'),
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
