// An agent that works with Notion through its SDK, which reads no environment: token and address are options.
import { Client } from '@notionhq/client';
import { expect, runSteps } from './steps.mjs';

const { NOTION_TOKEN, NOTION_BASE_URL } = process.env;
const notion = new Client({
  auth: NOTION_TOKEN,
  ...(NOTION_BASE_URL === undefined ? {} : { baseUrl: NOTION_BASE_URL }),
});
const text = (content) => [{ type: 'text', text: { content } }];
const blob = (bytes) => new Blob([Buffer.alloc(bytes, 'n')], { type: 'text/plain' });

await runSteps({
  async me() {
    return { name: (await notion.users.me({})).name };
  },
  async search() {
    const { results } = await notion.search({ query: 'meeting', page_size: 5 });
    expect(results.length === 1, `${results.length} results`);
    return { title: results[0].properties.title.title[0].plain_text };
  },
  async 'page.create'() {
    const page = await notion.pages.create({
      parent: { type: 'page_id', page_id: 'b7e2f0a4-0000-4000-8000-00000000000a' },
      properties: { title: { title: text('Notes') } },
      children: [{ object: 'block', type: 'paragraph', paragraph: { rich_text: text('Hello.') } }],
    });
    return { object: page.object };
  },
  async 'upload.single'() {
    const upload = await notion.fileUploads.create({ filename: 'a.txt', content_type: 'text/plain' });
    const sent = await notion.fileUploads.send({
      file_upload_id: upload.id,
      file: { filename: 'a.txt', data: blob(100_000) },
    });
    expect(sent.status === 'uploaded', `status ${sent.status}`);
    return { bytes: sent.content_length };
  },
  async 'upload.parts'() {
    const { id } = await notion.fileUploads.create({
      mode: 'multi_part',
      number_of_parts: 2,
      filename: 'b.txt',
      content_type: 'text/plain',
    });
    for (const part of ['1', '2']) {
      const file = { filename: 'b.txt', data: blob(200_000) };
      await notion.fileUploads.send({ file_upload_id: id, file, part_number: part });
    }
    const done = await notion.fileUploads.complete({ file_upload_id: id });
    expect(done.status === 'uploaded', `status ${done.status}`);
    return { bytes: done.content_length };
  },
  // As the guide does it without the SDK: post to the address that the answer names.
  async 'upload.url'() {
    const upload = await notion.fileUploads.create({ filename: 'c.txt', content_type: 'text/plain' });
    const form = new FormData();
    form.set('file', blob(50_000), 'c.txt');
    const answer = await fetch(upload.upload_url, {
      method: 'POST',
      headers: { authorization: `Bearer ${NOTION_TOKEN}`, 'notion-version': '2025-09-03' },
      body: form,
    });
    expect(answer.ok, `status ${answer.status}: ${await answer.clone().text()}`);
    return { host: new URL(upload.upload_url).host, status: (await answer.json()).status };
  },
  async echo() {
    const { results } = await notion.search({ query: 'echo-key' });
    return { text: results[0].properties.title.title[0].plain_text };
  },
});
