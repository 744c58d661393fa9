// An agent's use of the package @pinecone-database/pinecone, which reads key and address from the environment and
// finds the host of an index in an answer.
import { Pinecone } from '@pinecone-database/pinecone';
import { expect, runSteps, thrown } from './steps.mjs';

const client = new Pinecone();
const values = Array.from({ length: 8 }, (_, index) => index / 10);

await runSteps({
  async indexes() {
    const { indexes } = await client.listIndexes();
    return { names: indexes.map(({ name }) => name) };
  },
  async upsert() {
    const { host } = await client.describeIndex('movies');
    await client.index({ host }).upsert({ records: [{ id: 'vec1', values, metadata: { title: 'One' } }] });
    return { host };
  },
  // By its name alone: the SDK asks for the host itself.
  async query() {
    const { matches, usage } = await client.index({ name: 'movies' }).query({ vector: values, topK: 3 });
    return { matches: matches.length, units: usage.readUnits };
  },
  async echo() {
    const { matches } = await client.index({ name: 'movies' }).query({ id: 'echo-key', topK: 1 });
    return { id: matches[0].id };
  },
  async 'error.key'() {
    const error = await thrown(() => client.describeIndex('fail.401'));
    // Its own words: it puts no part of the answer there.
    expect(error.message.startsWith('The API key you provided was rejected'), error.message);
    return error;
  },
});
