// An agent that sends mail by SendGrid and by Resend. SendGrid's SDK reads no environment; Resend's reads key and address.
import sendgrid from '@sendgrid/mail';
import { Resend } from 'resend';
import { expect, runSteps } from './steps.mjs';

const { SENDGRID_API_KEY, SENDGRID_BASE_URL } = process.env;
sendgrid.setApiKey(SENDGRID_API_KEY);
if (SENDGRID_BASE_URL !== undefined) sendgrid.client.setDefaultRequest('baseUrl', SENDGRID_BASE_URL);
const resend = new Resend();
const mail = { from: 'a@example.com', to: 'b@example.com', subject: 'Hello', text: 'Hello.' };

await runSteps({
  async sendgrid() {
    const [{ statusCode }] = await sendgrid.send({ ...mail, html: '<p>Hello.</p>' });
    expect(statusCode === 202, `status ${statusCode}`);
    return { statusCode };
  },
  async 'sendgrid.error.key'() {
    const { code, message, response } = await sendgrid.send({ ...mail, subject: 'fail.401' }).then(
      () => ({ message: 'the call should have failed' }),
      (error) => error,
    );
    expect(code === 401, `${code} ${message}`);
    const [{ message: reason }] = response.body.errors;
    expect(reason.includes('authorization grant is invalid'), reason);
    return { code, message, reason };
  },
  async resend() {
    const { data, error } = await resend.emails.send(mail);
    expect(error === null, error?.message);
    const { data: sent } = await resend.emails.get(data.id);
    expect(sent.id === data.id, `another mail: ${sent.id}`);
    return { state: sent.last_event };
  },
  async 'resend.echo'() {
    return { subject: (await resend.emails.get('echo-key')).data.subject };
  },
  // This SDK throws nothing.
  async 'resend.error.key'() {
    const { error } = await resend.emails.send({ ...mail, subject: 'fail.401' });
    expect(error?.message === 'API key is invalid', JSON.stringify(error));
    return error;
  },
});
