// The scenarios of GitHub, git, Notion and Stripe.
import type { SdkRow } from '../row.ts';

const GITHUB: Pick<SdkRow, 'keys'> = { keys: { GITHUB_TOKEN: 'github' } };
const STRIPE: Pick<SdkRow, 'keys'> = { keys: { STRIPE_SECRET_KEY: 'stripe' } };

const sidecar = (path: string): string => `http://127.0.0.1:15080/${path}`;

export const serviceRows: readonly SdkRow[] = [
  {
    scenario: 'github.mjs',
    ...GITHUB,
    echoSteps: ['echo'],
    throughSidecar: [
      {
        mode: 'BaseURL',
        env: { GITHUB_API_URL: sidecar('github') },
        // Without `release.upload`: there Octokit goes to its built-in host for uploads, whatever the base URL.
        steps: (
          'user repository repository.unchanged paginate renamed graphql release.upload.url asset.download tarball ' +
          'not.found echo'
        ).split(' '),
      },
      { mode: 'HostAlias' },
      { mode: 'Proxy' },
    ],
  },
  {
    scenario: 'github.py',
    ...GITHUB,
    echoSteps: ['echo'],
    throughSidecar: [
      { mode: 'BaseURL', env: { GITHUB_API_URL: sidecar('github') } },
      { mode: 'HostAlias' },
      { mode: 'Proxy' },
    ],
  },
  {
    scenario: 'github.sh',
    ...GITHUB,
    throughSidecar: [
      { mode: 'BaseURL', env: { GITHUB_API_URL: sidecar('github') } },
      { mode: 'HostAlias' },
      { mode: 'Proxy' },
    ],
  },
  {
    scenario: 'gh.sh',
    keys: { GH_TOKEN: 'github' },
    echoSteps: ['echo'],
    // It takes no base URL.
    throughSidecar: [{ mode: 'HostAlias' }, { mode: 'Proxy' }],
  },
  {
    scenario: 'git.sh',
    ...GITHUB,
    echoSteps: ['push.echo'],
    throughSidecar: [{ mode: 'HostAlias' }, { mode: 'Proxy' }],
  },
  {
    scenario: 'notion.mjs',
    keys: { NOTION_TOKEN: 'notion' },
    echoSteps: ['echo'],
    throughSidecar: [
      { mode: 'BaseURL', env: { NOTION_BASE_URL: sidecar('notion') } },
      { mode: 'HostAlias' },
      { mode: 'Proxy' },
    ],
  },
  // The SDK brings its own connections, which know no proxy, and takes no path with its address.
  { scenario: 'stripe.mjs', ...STRIPE, echoSteps: ['echo'], throughSidecar: [{ mode: 'HostAlias' }] },
  {
    scenario: 'stripe.sh',
    ...STRIPE,
    echoSteps: ['echo'],
    throughSidecar: [{ mode: 'HostAlias' }, { mode: 'Proxy' }],
  },
];
