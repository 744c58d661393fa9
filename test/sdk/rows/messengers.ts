// The scenarios of Discord, Telegram and Slack.
import type { SdkRow } from '../row.ts';

const DISCORD: Pick<SdkRow, 'keys' | 'hosts' | 'direct'> = {
  keys: { DISCORD_TOKEN: 'discord' },
  direct: ['cdn.discordapp.com'],
  hosts: ['gateway-us-east1-b.discord.gg'],
};
const TELEGRAM: Pick<SdkRow, 'keys'> = { keys: { TELEGRAM_BOT_TOKEN: 'telegram' } };
/** of a binding that names such a variable itself: the catalogue has none */
const TELEGRAM_AT_SIDECAR = { TELEGRAM_URL: 'http://127.0.0.1:15080/telegram' };
const SLACK: Pick<SdkRow, 'keys' | 'catalogue'> = {
  keys: { SLACK_BOT_TOKEN: 'slack', SLACK_APP_TOKEN: 'slackapp' },
  catalogue: { SLACK_APP_TOKEN: 'slack-app' },
};

export const messengerRows: readonly SdkRow[] = [
  {
    scenario: 'discord.mjs',
    ...DISCORD,
    echoSteps: ['rest.echo', 'echo.gateway'],
    throughSidecar: [{ mode: 'HostAlias' }],
  },
  // The whole client's WebSocket asks no proxy; its REST client does.
  {
    scenario: 'discord.mjs',
    steps: ['rest.me', 'rest.message', 'rest.file', 'rest.echo'],
    ...DISCORD,
    echoSteps: ['rest.echo'],
    throughSidecar: [{ mode: 'Proxy' }],
  },
  { scenario: 'discord.py', ...DISCORD, echoSteps: ['echo'], throughSidecar: [{ mode: 'HostAlias' }] },
  {
    scenario: 'telegram.mjs',
    ...TELEGRAM,
    echoSteps: ['grammy.echo', 'telegraf.echo'],
    throughSidecar: [{ mode: 'HostAlias' }],
  },
  {
    scenario: 'telegram.py',
    ...TELEGRAM,
    echoSteps: ['echo'],
    throughSidecar: [{ mode: 'HostAlias' }, { mode: 'Proxy' }],
  },
  {
    scenario: 'node-telegram-bot-api.mjs',
    ...TELEGRAM,
    echoSteps: ['echo'],
    throughSidecar: [{ mode: 'BaseURL', env: TELEGRAM_AT_SIDECAR }, { mode: 'HostAlias' }, { mode: 'Proxy' }],
  },
  {
    scenario: 'aiogram.py',
    ...TELEGRAM,
    echoSteps: ['echo'],
    onlyThroughSidecar: true,
    throughSidecar: [{ mode: 'BaseURL', env: TELEGRAM_AT_SIDECAR }],
  },
  {
    scenario: 'slack.mjs',
    ...SLACK,
    echoSteps: ['echo', 'echo.socket'],
    throughSidecar: [{ mode: 'HostAlias' }],
  },
  // Its WebSocket asks no proxy.
  {
    scenario: 'slack.mjs',
    steps: ['auth.test', 'message', 'message.busy', 'file.upload', 'file.download', 'echo'],
    ...SLACK,
    echoSteps: ['echo'],
    throughSidecar: [{ mode: 'Proxy' }],
  },
  {
    scenario: 'slack.py',
    ...SLACK,
    echoSteps: ['echo', 'echo.socket'],
    throughSidecar: [{ mode: 'HostAlias' }, { mode: 'Proxy' }],
  },
];
