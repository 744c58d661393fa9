// Least privilege as the API server's authoriser sees it: what our two ServiceAccounts may do, all of it, and what they and
// ordinary users may not.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  CA_SECRET,
  INJECTION_SIGNER_SECRET,
  KMS_LOCAL_SECRET,
  LEASE_SIGNER_SECRET,
  SEALING_CONFIG_MAP,
  SEALING_PUBLIC_KEY,
  TRUST_CONFIG_MAP,
} from '@seks/crds';
import type { CommandResult } from '../cluster/command.ts';
import { SYSTEM_NAMESPACE } from '../harness/install.ts';
import type { Kubectl } from '../harness/kubectl.ts';
import { clusterSuite } from '../harness/suite.ts';
import { makeNamespace, removeNamespaces } from './own-namespace.ts';

const OPERATOR = `system:serviceaccount:${SYSTEM_NAMESPACE}:seks-operator`;
const KEYSERVICE = `system:serviceaccount:${SYSTEM_NAMESPACE}:seks-keyservice`;
const ACCOUNTS = [
  ['seks-operator', OPERATOR],
  ['seks-keyservice', KEYSERVICE],
] as const;
/** authenticated, and nothing more */
const ANYBODY = 'alice';

const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];
const SECRETS = [CA_SECRET, INJECTION_SIGNER_SECRET, KMS_LOCAL_SECRET, LEASE_SIGNER_SECRET];

interface Question {
  readonly verb: string;
  /** as for `kubectl auth can-i`: `resource.group/name`, and a subresource after a space */
  readonly what: string;
  /** default: all */
  readonly namespace?: string;
}

clusterSuite('RBAC of the installed chart', (suite) => {
  let kubectl: Kubectl;
  let foreign: string;

  beforeAll(async () => {
    ({ kubectl } = suite());
    foreign = await makeNamespace(kubectl, 'rbac', { 'seks.ai/injection': 'enabled' });
  }, 60_000);
  afterAll(() => removeNamespaces(kubectl, foreign));

  /** those of the questions that the authoriser answers with yes; what `kubectl auth can-i` asks, many at a time */
  async function allowed(user: string, questions: readonly Question[]): Promise<string[]> {
    const items = questions.map((question) => ({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: attributesOf(question) },
    }));
    // One answer on each line: kubectl makes no list of what it creates.
    const output = String.raw`jsonpath={.status.allowed}{"\n"}`;
    const text = await kubectl.run(['create', '-f', '-', '-o', output, `--as=${user}`], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });
    const answers = text.trim().split('\n');
    expect(answers.filter((answer) => answer === 'true' || answer === 'false')).toHaveLength(
      questions.length,
    );
    return questions.filter((_, index) => answers[index] === 'true').map(textOf);
  }

  describe.each(ACCOUNTS)('%s', (name, account) => {
    test('this is all it may do in the release namespace, and in any other', async () => {
      const everywhere = [
        'namespaces [] get,list,watch',
        'pods [] get,list,watch',
        'seksbindings.seks.ai [] get,list,watch',
        'seksbindings.seks.ai/status [] patch',
        'seksproviders.seks.ai [] get,list,watch',
        ...(name === 'seks-operator'
          ? [
              'events.events.k8s.io [] create,patch',
              'mutatingwebhookconfigurations.admissionregistration.k8s.io [seks-webhook] get,list,patch,watch',
            ]
          : ['tokenreviews.authentication.k8s.io [] create']),
      ];
      const owned = {
        'seks-operator': [
          `configmaps [${SEALING_CONFIG_MAP}] get`,
          `configmaps [${TRUST_CONFIG_MAP}] get,list,patch,update,watch`,
          `secrets [${CA_SECRET}] get,list,update,watch`,
          `secrets [${INJECTION_SIGNER_SECRET}] get,list,update,watch`,
        ],
        'seks-keyservice': [
          // As everybody; and its own rule.
          `configmaps [${SEALING_CONFIG_MAP}] get`,
          `configmaps [${SEALING_CONFIG_MAP}] get,list,patch,update,watch`,
          `configmaps [${TRUST_CONFIG_MAP}] get,list,watch`,
          `secrets [${CA_SECRET}] get,list,update,watch`,
          `secrets [${KMS_LOCAL_SECRET}] get,list,update,watch`,
          `secrets [${LEASE_SIGNER_SECRET}] get,list,update,watch`,
        ],
      }[name];
      expect(await rulesOf(account, foreign)).toEqual(everywhere.toSorted());
      expect(await rulesOf(account, SYSTEM_NAMESPACE)).toEqual(
        [...everywhere, 'configmaps [] create', 'secrets [] create', ...owned].toSorted(),
      );
    });

    test('S1: no verb on Secrets in any other namespace, by name or not', async () => {
      const questions = [undefined, foreign, 'default', 'kube-system'].flatMap((namespace) =>
        ['secrets', `secrets/${CA_SECRET}`].flatMap((what) =>
          VERBS.map((verb) => ({ verb, what, ...(namespace === undefined ? {} : { namespace }) })),
        ),
      );
      expect(await allowed(account, questions)).toEqual([]);
    });

    test('S1: no listing, watching, changing or deleting of Secrets in the release namespace', async () => {
      const verbs = VERBS.filter((verb) => verb !== 'create' && verb !== 'get');
      const questions = verbs.map((verb) => ({ verb, what: 'secrets', namespace: SYSTEM_NAMESPACE }));
      expect(await allowed(account, questions)).toEqual([]);
      expect(await forbidden(['get', 'secrets', '-n', SYSTEM_NAMESPACE, `--as=${account}`])).toMatch(
        /cannot list resource "secrets"/,
      );
    });

    test('cannot make itself, or anything, mightier', async () => {
      const clusterWide: Question[] = [
        ...['users', 'groups', 'serviceaccounts'].map((what) => ({ verb: 'impersonate', what })),
        ...['escalate', 'bind', 'create', 'update', 'patch'].flatMap((verb) =>
          ['clusterroles', 'roles', 'clusterrolebindings', 'rolebindings'].map((resource) => ({
            verb,
            what: `${resource}.rbac.authorization.k8s.io`,
          })),
        ),
        { verb: 'approve', what: 'signers.certificates.k8s.io' },
        { verb: 'get', what: 'nodes proxy' },
        ...['create', 'update', 'patch'].map((verb) => ({
          verb,
          what: 'validatingadmissionpolicies.admissionregistration.k8s.io',
        })),
        ...['update', 'patch', 'delete'].map((verb) => ({
          verb,
          what: 'customresourcedefinitions.apiextensions.k8s.io',
        })),
      ];
      const namespaced = [foreign, SYSTEM_NAMESPACE].flatMap((namespace): Question[] => [
        ...['create', 'update', 'patch', 'delete'].map((verb) => ({ verb, what: 'pods', namespace })),
        ...['deployments.apps', 'jobs.batch'].map((what) => ({ verb: 'create', what, namespace })),
        ...['exec', 'attach', 'ephemeralcontainers', 'portforward', 'log', 'proxy'].flatMap((subresource) =>
          ['get', 'create', 'patch'].map((verb) => ({ verb, what: `pods ${subresource}`, namespace })),
        ),
        ...['create', 'impersonate'].map((verb) => ({ verb, what: 'serviceaccounts', namespace })),
        { verb: 'create', what: 'serviceaccounts token', namespace },
        { verb: 'create', what: 'serviceaccounts/default token', namespace },
        ...['create', 'update', 'patch', 'delete'].map((verb) => ({
          verb,
          what: 'seksbindings.seks.ai',
          namespace,
        })),
      ]);
      expect(await allowed(account, [...clusterWide, ...namespaced])).toEqual([]);
    });
  });

  test('S3: who signs injections cannot unwrap keys, and who unwraps cannot sign', async () => {
    const readers = async (account: string): Promise<string[]> =>
      (
        await allowed(
          account,
          SECRETS.map((name) => ({ verb: 'get', what: `secrets/${name}`, namespace: SYSTEM_NAMESPACE })),
        )
      ).map((text) => text.split('/')[1]?.split(' ')[0] ?? '');
    expect(await readers(OPERATOR)).toEqual([CA_SECRET, INJECTION_SIGNER_SECRET]);
    expect(await readers(KEYSERVICE)).toEqual([CA_SECRET, KMS_LOCAL_SECRET, LEASE_SIGNER_SECRET]);
    for (const [account, secret] of [
      [OPERATOR, KMS_LOCAL_SECRET],
      [OPERATOR, LEASE_SIGNER_SECRET],
      [KEYSERVICE, INJECTION_SIGNER_SECRET],
    ] as const) {
      const said = await forbidden(['get', 'secret', secret, '-n', SYSTEM_NAMESPACE, `--as=${account}`]);
      expect(said).toContain(`cannot get resource "secrets"`);
    }
  });

  test.each(ACCOUNTS)(
    '%s creates no Secret but its own: RBAC cannot say that, a policy does',
    async (_, account) => {
      const created = await kubectl.attempt(['create', '-f', '-', '--dry-run=server', `--as=${account}`], {
        input: JSON.stringify({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: {
            name: 'stolen',
            namespace: SYSTEM_NAMESPACE,
            annotations: { 'kubernetes.io/service-account.name': 'default' },
          },
          type: 'kubernetes.io/service-account-token',
        }),
      });
      expect(created.code).toBe(1);
      expect(created.stderr).toContain('SEKS may not write Secrets and ConfigMaps other than its own');
    },
  );

  describe('an ordinary user', () => {
    test('reads the sealing key, which is public', async () => {
      const path = `jsonpath={.data.${SEALING_PUBLIC_KEY.replaceAll('.', String.raw`\.`)}}`;
      const pem = await kubectl.run([
        'get',
        'configmap',
        SEALING_CONFIG_MAP,
        '-n',
        SYSTEM_NAMESPACE,
        '-o',
        path,
        ...asAnybody(),
      ]);
      expect(pem).toMatch(/^-----BEGIN PUBLIC KEY-----/);
    });

    test('reads no Secret and no other ConfigMap of the release namespace, and writes none', async () => {
      const names = ['secrets', ...SECRETS.map((name) => `secrets/${name}`)];
      const configMaps = ['configmaps', `configmaps/${TRUST_CONFIG_MAP}`];
      const at = { namespace: SYSTEM_NAMESPACE };
      const questions = [
        ...[...names, ...configMaps].flatMap((what) => VERBS.map((verb) => ({ verb, what, ...at }))),
        ...['update', 'patch', 'delete'].map((verb) => ({
          verb,
          what: `configmaps/${SEALING_CONFIG_MAP}`,
          ...at,
        })),
      ];
      expect(await allowed(ANYBODY, questions)).toEqual([]);
      for (const secret of SECRETS) {
        const said = await forbidden(['get', 'secret', secret, '-n', SYSTEM_NAMESPACE, ...asAnybody()]);
        expect(said).toContain('cannot get resource "secrets"');
      }
    });
  });

  /** what kubectl says about a command that RBAC must refuse */
  async function forbidden(args: readonly string[]): Promise<string> {
    const { code, stdout, stderr }: CommandResult = await kubectl.attempt(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('(Forbidden)');
    return stderr;
  }

  interface RulesReview {
    readonly status: {
      readonly incomplete: boolean;
      readonly resourceRules: readonly {
        readonly verbs: readonly string[];
        readonly apiGroups?: readonly string[];
        readonly resources?: readonly string[];
        readonly resourceNames?: readonly string[];
      }[];
    };
  }

  /** all rules about resources that hold for the account, one line each, but those of every authenticated user */
  async function rulesOf(account: string, namespace: string): Promise<string[]> {
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectRulesReview',
      spec: { namespace },
    };
    const text = await kubectl.run(
      ['create', '-f', '-', '-o', 'json', '--validate=false', `--as=${account}`],
      {
        input: JSON.stringify(review),
      },
    );
    const { status } = JSON.parse(text) as RulesReview;
    expect(status.incomplete).toBe(false);
    return status.resourceRules
      .flatMap(({ verbs, apiGroups = [], resources = [], resourceNames = [] }) =>
        apiGroups.flatMap((group) =>
          resources.flatMap((resource) => {
            const [main = '', ...sub] = resource.split('/');
            const full = [group === '' ? main : `${main}.${group}`, ...sub].join('/');
            const names = resourceNames.length === 0 ? [''] : resourceNames;
            return names.map((name) => `${full} [${name}] ${verbs.toSorted().join(',')}`);
          }),
        ),
      )
      .filter((rule) => !/^selfsubject\w+\./.test(rule))
      .sort();
  }
});

function attributesOf({ verb, what, namespace = '' }: Question): object {
  const [object = '', subresource = ''] = what.split(' ');
  const [type = '', name = ''] = object.split('/');
  const [resource, ...group] = type.split('.');
  return { verb, resource, group: group.join('.'), name, subresource, namespace };
}

function textOf({ verb, what, namespace }: Question): string {
  return `${verb} ${what}${namespace === undefined ? '' : ` in ${namespace}`}`;
}

function asAnybody(): string[] {
  return [`--as=${ANYBODY}`, '--as-group=system:authenticated'];
}
