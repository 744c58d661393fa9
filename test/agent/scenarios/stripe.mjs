// An agent that works with Stripe through its SDK, which reads no environment: the key is an argument.
import Stripe from 'stripe';
import { expect, runSteps } from './steps.mjs';

const stripe = new Stripe(process.env.STRIPE_SECRET_KEY);

await runSteps({
  async create() {
    const customer = await stripe.customers.create({ name: 'Ada & Co', metadata: { made: 'by an agent' } });
    expect(customer.name === 'Ada & Co', `the name is ${customer.name}`);
    return { id: customer.id };
  },
  async 'list.pages'() {
    const email = `pages-${process.pid}@example.com`;
    for (let index = 0; index < 5; index++) await stripe.customers.create({ name: `Nr ${index}`, email });
    const names = [];
    for await (const customer of stripe.customers.list({ email, limit: 2 })) names.push(customer.name);
    expect(names.length === 5, `${names.length} customers of 5`);
    return { names };
  },
  async idempotency() {
    const options = { idempotencyKey: `once-${process.pid}` };
    const first = await stripe.customers.create({ name: 'Once' }, options);
    const second = await stripe.customers.create({ name: 'Once' }, options);
    expect(first.id === second.id, 'two customers were made');
    return { replayed: second.lastResponse.headers['idempotent-replayed'] };
  },
  async 'file.upload'() {
    const data = Buffer.alloc(200_000, 's');
    const file = await stripe.files.create({
      purpose: 'dispute_evidence',
      file: { data, name: 'evidence.txt', type: 'text/plain' },
    });
    expect(file.size === data.length, `${file.size} bytes arrived`);
    return { size: file.size };
  },
  // What the API says of a key that was rolled: prefix and last four characters.
  async expired() {
    const error = await stripe.customers.retrieve('cus_of_expired_key').catch((problem) => problem);
    expect(error.type === 'StripeAuthenticationError', `type ${error.type}`);
    return { message: error.message, code: error.code };
  },
  async missing() {
    const error = await stripe.customers.retrieve('cus_of_nobody').catch((problem) => problem);
    expect(error.code === 'resource_missing', `code ${error.code}`);
    return { message: error.message };
  },
  async echo() {
    return { text: (await stripe.customers.create({ name: 'echo-key' })).description };
  },
});
