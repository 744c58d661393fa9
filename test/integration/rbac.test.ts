// S3 and least privilege, as the API server's own authoriser sees it: what our ServiceAccounts may do, and what they may not.
import { expect, test } from '@jest/globals';
import { clusterSuite, PLAIN_NAMESPACE } from '../harness/suite.ts';
import { SYSTEM_NAMESPACE } from '../harness/install.ts';

type Account = 'seks-operator' | 'seks-keyservice';
const BOTH: readonly Account[] = ['seks-operator', 'seks-keyservice'];

clusterSuite('permissions of the operator and the key service', (suite) => {
  async function can(account: Account, verb: string, resource: string, namespace: string): Promise<boolean> {
    const { stdout } = await suite().kubectl.attempt([
      'auth',
      'can-i',
      verb,
      resource,
      ...(namespace === '*' ? ['--all-namespaces'] : ['-n', namespace]),
      `--as=system:serviceaccount:${SYSTEM_NAMESPACE}:${account}`,
    ]);
    const answer = stdout.trim();
    if (answer !== 'yes' && answer !== 'no') throw new Error(`kubectl auth can-i said ${answer}`);
    return answer === 'yes';
  }

  // Without these the refusals below could come from a misspelt account.
  test.each([
    ['seks-operator', 'list', 'seksbindings.seks.ai', '*'],
    ['seks-operator', 'patch', 'seksbindings.seks.ai/status', PLAIN_NAMESPACE],
    ['seks-operator', 'get', 'secrets/seks-ca', SYSTEM_NAMESPACE],
    [
      'seks-operator',
      'patch',
      'mutatingwebhookconfigurations.admissionregistration.k8s.io/seks-webhook',
      '*',
    ],
    ['seks-keyservice', 'create', 'tokenreviews.authentication.k8s.io', '*'],
    ['seks-keyservice', 'get', 'secrets/seks-kms-local', SYSTEM_NAMESPACE],
    ['seks-keyservice', 'watch', 'pods', '*'],
  ] as const)('%s may %s %s (%s)', async (account, verb, resource, namespace) => {
    expect(await can(account, verb, resource, namespace)).toBe(true);
  });

  test.each(BOTH)('S3: %s can read no Secret of another namespace', async (account) => {
    for (const verb of ['get', 'list', 'watch', 'update', 'patch', 'delete', 'create']) {
      for (const namespace of [PLAIN_NAMESPACE, 'default', 'kube-system', '*']) {
        const allowed = await can(account, verb, 'secrets', namespace);
        expect({ verb, namespace, allowed }).toEqual({ verb, namespace, allowed: false });
      }
    }
  });

  test.each([
    // The webhook must not unwrap, and the key service must not sign injections.
    ['seks-operator', 'get', 'secrets/seks-kms-local', SYSTEM_NAMESPACE],
    ['seks-operator', 'get', 'secrets/seks-lease-signer', SYSTEM_NAMESPACE],
    ['seks-operator', 'create', 'tokenreviews.authentication.k8s.io', '*'],
    ['seks-keyservice', 'get', 'secrets/seks-injection-signer', SYSTEM_NAMESPACE],
    ['seks-keyservice', 'patch', 'configmaps/seks-trust', SYSTEM_NAMESPACE],
    [
      'seks-keyservice',
      'patch',
      'mutatingwebhookconfigurations.admissionregistration.k8s.io/seks-webhook',
      '*',
    ],
    ['seks-operator', 'patch', 'mutatingwebhookconfigurations.admissionregistration.k8s.io/another', '*'],
  ] as const)('S3: %s may not %s %s', async (account, verb, resource, namespace) => {
    expect(await can(account, verb, resource, namespace)).toBe(false);
  });

  const forbidden = [
    ['create', 'pods'],
    ['update', 'pods'],
    ['delete', 'pods'],
    ['create', 'pods/exec'],
    ['get', 'pods/log'],
    ['patch', 'pods/ephemeralcontainers'],
    ['create', 'serviceaccounts/token'],
    ['impersonate', 'serviceaccounts'],
    ['update', 'seksbindings.seks.ai'],
    ['create', 'seksbindings.seks.ai'],
    ['update', 'seksproviders.seks.ai'],
    ['create', 'rolebindings.rbac.authorization.k8s.io'],
    ['escalate', 'clusterroles.rbac.authorization.k8s.io'],
    ['bind', 'clusterroles.rbac.authorization.k8s.io'],
    ['delete', 'validatingadmissionpolicies.admissionregistration.k8s.io'],
    ['update', 'validatingadmissionpolicybindings.admissionregistration.k8s.io'],
  ] as const;
  test.each(BOTH)(
    'S3: %s has none of the permissions with which it could help itself to more',
    async (account) => {
      for (const [verb, resource] of forbidden) {
        for (const namespace of [PLAIN_NAMESPACE, SYSTEM_NAMESPACE]) {
          const allowed = await can(account, verb, resource, namespace);
          expect({ verb, resource, namespace, allowed }).toEqual({
            verb,
            resource,
            namespace,
            allowed: false,
          });
        }
      }
    },
  );
});
