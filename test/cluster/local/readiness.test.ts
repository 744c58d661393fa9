import { expect, test } from '@jest/globals';
import { nodeReadyCondition } from './readiness.ts';

test('the condition is found among others', () => {
  const node = {
    status: {
      conditions: [
        { type: 'DiskPressure', status: 'False', message: '' },
        { type: 'Ready', status: 'False', message: 'cni plugin not initialized' },
      ],
    },
  };
  expect(nodeReadyCondition(node)).toMatchObject({ status: 'False', message: 'cni plugin not initialized' });
});

test.each([undefined, {}, { status: {} }, { kind: 'Status', status: 'Failure' }])('none in %j', (node) => {
  expect(nodeReadyCondition(node)).toBeUndefined();
});
