// The admission webhook: AdmissionReview in, JSON patch or denial out.
export type { AdmissionObservation, WebhookDeps, WebhookLog } from './admit.ts';
export { createWebhookApp } from './app.ts';
