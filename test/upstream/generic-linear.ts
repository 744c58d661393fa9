// Linear's one GraphQL address: what a query asks for is seen in its text, and the answer has every field that the SDK reads.
import { heard, type RestCall } from './rest-call.ts';
import type { MakeReply } from './generic-answers.ts';
import { jsonReply } from './reply.ts';

const ISSUE_ID = '3f2a0000-0000-4000-8000-000000000001';
const TIMES = { createdAt: '2026-01-02T03:04:05.678Z', updatedAt: '2026-01-02T03:04:05.678Z' };

const ISSUE = {
  identifier: 'ENG-1',
  number: 1,
  priority: 2,
  priorityLabel: 'High',
  labelIds: [],
  reactions: [],
  sharedAccess: {
    isShared: false,
    viewerHasOnlySharedAccess: false,
    sharedWithCount: 0,
    sharedWithUsers: [],
    disallowedIssueFields: [],
  },
  ...TIMES,
};

export const linearGraphql: MakeReply = (call) => jsonReply({ data: dataFor(call) });

function dataFor(call: RestCall): Record<string, unknown> {
  const query = textIn(call.json, 'query');
  const variables = call.json?.['variables'];
  if (query.includes('issueCreate')) {
    return { issueCreate: { success: true, lastSyncId: 7, issue: { id: ISSUE_ID } } };
  }
  if (query.includes('issue(id')) {
    const id = textIn(variables, 'id');
    return { issue: { ...ISSUE, id, title: heard(call, id, 'Broken door') } };
  }
  return { viewer: { id: 'user-1', name: 'octo-agent', email: 'agent@example.com', ...TIMES } };
}

function textIn(object: unknown, name: string): string {
  const value = (object as Readonly<Record<string, unknown>> | undefined)?.[name];
  return typeof value === 'string' ? value : '';
}
