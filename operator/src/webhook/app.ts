// Express application of the webhook: reads the body, asks `admit`, writes the answer.
import { toSeksError } from '@seks/crds';
import express from 'express';
import type { Express, NextFunction, Request, Response } from 'express';

import { deny, parseReview } from './admission-review.ts';
import type { AdmissionRequest, AdmissionReviewAnswer } from './admission-review.ts';
import { admit } from './admit.ts';
import type { WebhookDeps } from './admit.ts';

/** the API server accepts no larger object */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** application with `POST /mutate`; everything else is 404 */
export function createWebhookApp(deps: WebhookDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.post(
    '/mutate',
    express.raw({ type: 'application/json', limit: MAX_BODY_BYTES, inflate: false }),
    (request, response) => {
      const body: unknown = request.body;
      const review = Buffer.isBuffer(body) ? parseReview(body.toString('utf8')) : undefined;
      if (review === undefined) {
        refuse(response, 400, 'expected an AdmissionReview of admission.k8s.io/v1 as application/json');
        return;
      }
      response.json(admitSafely(review, deps));
    },
  );
  app.use((_request: Request, response: Response) => refuse(response, 404, 'not found'));
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const status = (error as { status?: unknown } | null)?.status;
    refuse(response, typeof status === 'number' ? status : 500, 'the body could not be read');
  });
  return app;
}

/**
 * `admit` answers for its own errors; this is for its clock or metrics failing. The answer still names the request,
 * because the author of a pod learns nothing from an HTTP 500.
 */
function admitSafely(review: AdmissionRequest, deps: WebhookDeps): AdmissionReviewAnswer {
  try {
    return admit(review, deps);
  } catch (cause) {
    deps.log.error(
      { event: 'admission_failed', namespace: review.namespace, err: cause },
      'admission failed',
    );
    return deny(review.uid, toSeksError(cause));
  }
}

/** an HTTP error instead of an answer: the API server applies `failurePolicy: Fail` and refuses the pod */
function refuse(response: Response, status: number, message: string): void {
  if (response.headersSent) response.destroy();
  else response.status(status).json({ message });
}
