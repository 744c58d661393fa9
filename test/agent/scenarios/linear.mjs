// An agent that works with Linear through its SDK, which reads no environment: key and address are options.
import { AuthenticationLinearError, LinearClient } from '@linear/sdk';
import { expect, runSteps, thrown } from './steps.mjs';

const { LINEAR_API_KEY: key, LINEAR_API_URL: apiUrl } = process.env;
const address = apiUrl === undefined ? {} : { apiUrl };
const linear = new LinearClient({ apiKey: key, ...address });

await runSteps({
  async viewer() {
    const { name, email } = await linear.viewer;
    return { name, email };
  },
  async issue() {
    const created = await linear.createIssue({ teamId: 'team-1', title: 'Broken door' });
    expect(created.success, 'no issue was made');
    const { title, identifier } = await created.issue;
    return { title, identifier };
  },
  async echo() {
    return { title: (await linear.issue('echo-key')).title };
  },
  async 'error.key'() {
    const error = await thrown(() => linear.issue('fail.401'));
    expect(error.name === AuthenticationLinearError.name, `${error.name} ${error.message}`);
    expect(error.message.includes('Authentication required'), error.message);
    return error;
  },
});
