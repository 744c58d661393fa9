// Pinecone's control plane, and the index that it tells of.
import { repeating, type MakeReply } from './generic-answers.ts';
import { EMBEDDING_SIZE, vectorOf } from './generic-embeddings.ts';
import { jsonReply } from './reply.ts';

/** the index has a host of its own, which only this answer tells */
function indexModel(name: string): object {
  return {
    name,
    dimension: EMBEDDING_SIZE,
    metric: 'cosine',
    host: `${name}-abc1234.svc.aped-1234.pinecone.io`,
    spec: { serverless: { cloud: 'aws', region: 'us-east-1' } },
    status: { ready: true, state: 'Ready' },
    vector_type: 'dense',
    deletion_protection: 'disabled',
    tags: {},
  };
}

export const pineconeIndex: MakeReply = (call) => jsonReply(indexModel(call.path.split('/').at(-1) ?? ''));

export const pineconeIndexes: MakeReply = () => jsonReply({ indexes: [indexModel('movies')] });

export const pineconeUpsert: MakeReply = (call) => {
  const vectors = call.json?.['vectors'];
  return jsonReply({ upsertedCount: Array.isArray(vectors) ? vectors.length : 0 });
};

export const pineconeQuery = repeating(
  (call) => call.json?.['id'],
  (id) => ({
    matches: [{ id, score: 0.9, values: vectorOf('one'), metadata: { title: 'One' } }],
    namespace: '',
    usage: { readUnits: 5 },
  }),
);
