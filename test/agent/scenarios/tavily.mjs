// An agent's use of the package @tavily/core, which reads its key from the environment but not its address.
import { tavily } from '@tavily/core';
import { expect, runSteps, thrown } from './steps.mjs';

const client = tavily({ apiBaseURL: process.env.TAVILY_BASE_URL });

await runSteps({
  async search() {
    const { results } = await client.search('weather', { maxResults: 3 });
    return { title: results[0].title };
  },
  async extract() {
    const { results } = await client.extract(['https://example.invalid/1', 'https://example.invalid/2']);
    expect(results.length === 2, `${results.length} pages of 2`);
    return { text: results[0].rawContent };
  },
  async echo() {
    return { title: (await client.search('echo-key')).results[0].title };
  },
  async 'error.key'() {
    const error = await thrown(() => client.search('fail.401'));
    expect(error.message.includes('missing or invalid API key'), error.message);
    return error;
  },
});
