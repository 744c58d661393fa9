// Field by field, how the sidecar of a pod may differ from the one that was sealed: not at all, but for what clusters add.
import { describe, expect, test } from '@jest/globals';

import { container } from './fixtures.ts';
import type { RawContainer, RawPod } from './raw-pod.ts';
import { NO_RAW_SOCKETS, changed, refusal } from './testing/read-back.ts';

describe('verifyInjection: the sidecar', () => {
  const at = 'spec.initContainers[0]';
  test.each<[string, string, (sidecar: RawContainer, pod: RawPod) => unknown]>([
    ['another image', `${at}.image`, (c) => Object.assign(c, { image: 'evil' })],
    [
      'a pull policy that is weaker',
      `${at}.imagePullPolicy`,
      (c) => Object.assign(c, { imagePullPolicy: 'Never' }),
    ],
    ['a command', `${at}.command`, (c) => Object.assign(c, { command: ['sh'] })],
    ['arguments', `${at}.args`, (c) => Object.assign(c, { args: ['--inspect'] })],
    ['a working directory', `${at}.workingDir`, (c) => Object.assign(c, { workingDir: '/tmp' })],
    ['a life cycle hook', `${at}.lifecycle`, (c) => Object.assign(c, { lifecycle: { postStart: {} } })],
    ['a terminal', `${at}.stdin`, (c) => Object.assign(c, { stdin: true })],
    ['envFrom', `${at}.envFrom`, (c) => Object.assign(c, { envFrom: [{ configMapRef: { name: 'x' } }] })],
    ['a variable more', `${at}.env`, (c) => c.env?.push({ name: 'X', value: '1' })],
    ['a variable less', `${at}.env`, (c) => c.env?.pop()],
    ['a variable twice', `${at}.env`, (c) => c.env?.push({ name: 'SEKS_CONFIG', value: '{}' })],
    ['another value', `${at}.env[4].value`, (c) => Object.assign(c.env?.[4] ?? {}, { value: '--inspect' })],
    [
      'another source',
      `${at}.env[3].valueFrom`,
      (c) =>
        Object.assign(c.env?.[3] ?? {}, {
          valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } },
        }),
    ],
    ['another order of variables', `${at}.env[0]`, (c) => c.env?.reverse()],
    [
      'an AWS variable that is not on the list',
      `${at}.env`,
      (c) => c.env?.push({ name: 'AWS_ENDPOINT_URL', value: 'x' }),
    ],
    ['an AWS variable from a Secret', `${at}.env`, (c) => c.env?.push({ name: 'AWS_REGION', valueFrom: {} })],
    [
      'the root user',
      `${at}.securityContext.runAsUser`,
      (c) => Object.assign(c.securityContext ?? {}, { runAsUser: 0 }),
    ],
    [
      'privileged',
      `${at}.securityContext.privileged`,
      (c) => Object.assign(c.securityContext ?? {}, { privileged: true }),
    ],
    [
      'a capability',
      `${at}.securityContext.capabilities.add`,
      (c) => Object.assign(c.securityContext?.capabilities ?? {}, { add: ['SYS_PTRACE'] }),
    ],
    [
      'a writable root',
      `${at}.securityContext.readOnlyRootFilesystem`,
      (c) => Object.assign(c.securityContext ?? {}, { readOnlyRootFilesystem: false }),
    ],
    [
      'no seccomp profile',
      `${at}.securityContext.seccompProfile`,
      (c) => delete c.securityContext?.['seccompProfile'],
    ],
    [
      'an AppArmor profile',
      `${at}.securityContext.appArmorProfile`,
      (c) => Object.assign(c.securityContext ?? {}, { appArmorProfile: { type: 'Unconfined' } }),
    ],
    [
      'an unmasked /proc',
      `${at}.securityContext.procMount`,
      (c) => Object.assign(c.securityContext ?? {}, { procMount: 'Unmasked' }),
    ],
    ['no security context', `${at}.securityContext`, (c) => delete c.securityContext],
    ['a mount more', `${at}.volumeMounts`, (c) => c.volumeMounts?.push({ name: 'x', mountPath: '/x' })],
    [
      'a writable mount',
      `${at}.volumeMounts[0].readOnly`,
      (c) => Object.assign(c.volumeMounts?.[0] ?? {}, { readOnly: false }),
    ],
    [
      'a mount elsewhere',
      `${at}.volumeMounts[0].mountPath`,
      (c) => Object.assign(c.volumeMounts?.[0] ?? {}, { mountPath: '/x' }),
    ],
    [
      'a subPath',
      `${at}.volumeMounts[0].subPath`,
      (c) => Object.assign(c.volumeMounts?.[0] ?? {}, { subPath: 'x' }),
    ],
    [
      'the name of a foreign mount at our path',
      `${at}.volumeMounts`,
      (c) => c.volumeMounts?.push({ name: 'aws-iam-token', mountPath: '/var/run/seks', readOnly: true }),
    ],
    [
      'a writable foreign mount',
      `${at}.volumeMounts`,
      (c) =>
        c.volumeMounts?.push({
          name: 'aws-iam-token',
          mountPath: '/var/run/secrets/eks.amazonaws.com/serviceaccount',
        }),
    ],
    [
      'a device',
      `${at}.volumeDevices`,
      (c) => Object.assign(c, { volumeDevices: [{ name: 'x', devicePath: '/x' }] }),
    ],
    ['a claim', `${at}.claims`, (c) => Object.assign(c, { resources: { claims: [{ name: 'gpu' }] } })],
    [
      'another probe',
      `${at}.startupProbe.httpGet`,
      (c) => Object.assign(c, { startupProbe: { exec: { command: ['cat'] } } }),
    ],
    ['no native sidecar', `${at}.restartPolicy`, (c) => delete c['restartPolicy']],
    [
      'another port',
      `${at}.ports[0]`,
      (c) => Object.assign(c, { ports: [{ containerPort: 1, hostPort: 1 }] }),
    ],
    [
      'another termination message',
      `${at}.terminationMessagePolicy`,
      (c) => Object.assign(c, { terminationMessagePolicy: 'FallbackToLogsOnError' }),
    ],
    [
      '__proto__ as a field',
      `${at}.__proto__`,
      (c) => Object.defineProperty(c, '__proto__', { value: 1, enumerable: true }),
    ],
    ['two sidecars', 'exactly one', (c, pod) => pod.spec.initContainers?.push(structuredClone(c))],
    [
      'the sidecar as an ordinary container',
      'exactly one',
      (c, pod) => {
        pod.spec.initContainers = [];
        pod.spec.containers.push(c);
      },
    ],
    ['no sidecar', 'exactly one', (_, pod) => pod.spec.initContainers?.shift()],
    [
      'a debugger with the name of the sidecar',
      'exactly one',
      (c, pod) => Object.assign(pod.spec, { ephemeralContainers: [c] }),
    ],
  ])('S11: refuses %s and names %s', (_, field, change) => {
    expect(refusal(changed((pod, sidecar) => void change(sidecar, pod)))).toContain(field);
  });

  test('accepts cloud identity of EKS and Azure, wherever it stands in the lists', () => {
    const pod = changed((_, { env, volumeMounts }) => {
      env?.unshift({ name: 'AWS_ROLE_ARN', value: 'arn' }, { name: 'AZURE_CLIENT_ID', value: 'x' });
      env?.push({ name: 'AWS_WEB_IDENTITY_TOKEN_FILE', value: '/x' });
      const mountPath = '/var/run/secrets/eks.amazonaws.com/serviceaccount';
      volumeMounts?.unshift({ name: 'aws-iam-token', mountPath, readOnly: true });
    });
    expect(refusal(pod)).toBe('accepted');
  });

  test('accepts what LimitRange, autoscalers and AlwaysPullImages change', () => {
    const resources = { limits: { cpu: '500m', memory: '256Mi' }, requests: {} };
    const resizePolicy = [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }];
    const pod = changed((_, c) => Object.assign(c, { resources, resizePolicy, imagePullPolicy: 'Always' }));
    expect(refusal(pod)).toBe('accepted');
  });

  test('accepts the procMount that older API servers write out', () => {
    const pod = changed((_, c) => Object.assign(c.securityContext ?? {}, { procMount: 'Default' }));
    expect(refusal(pod)).toBe('accepted');
  });

  test('accepts another position of the sidecar: another webhook may have put its own before', () => {
    const pod = changed(({ spec }) =>
      spec.initContainers?.unshift(
        container('istio-init', { volumeMounts: [], securityContext: NO_RAW_SOCKETS }),
      ),
    );
    expect(refusal(pod)).toBe('accepted');
  });
});
