// Discord's objects, as complete as the SDKs need them: one guild with one channel, a user in it, and the bot.

export const GUILD_ID = '1100000000000000001';
export const CHANNEL_ID = '1100000000000000002';
/** 2023-05-22, so that ids look as those of today's objects */
const FIRST_SNOWFLAKE = 1_110_000_000_000_000_000n;

export interface DiscordUser {
  readonly id: string;
  readonly username: string;
  readonly discriminator: string;
  readonly global_name: string | null;
  readonly avatar: null;
  readonly bot: boolean;
}

export const ADA: DiscordUser = {
  id: '1100000000000000003',
  username: 'ada',
  discriminator: '0',
  global_name: 'Ada',
  avatar: null,
  bot: false,
};

export function createSnowflakes(): () => string {
  let next = FIRST_SNOWFLAKE;
  return () => String(next++);
}

/** the token begins with the bot's id in base64 */
export function botOf(token: string): DiscordUser {
  const id = Buffer.from(token.split('.')[0] ?? '', 'base64').toString('latin1');
  return { id, username: 'stub', discriminator: '0001', global_name: null, avatar: null, bot: true };
}

export function guildOf(bot: DiscordUser): Record<string, unknown> {
  return {
    id: GUILD_ID,
    name: 'Stub',
    icon: null,
    owner_id: ADA.id,
    region: 'us-east',
    afk_channel_id: null,
    afk_timeout: 300,
    verification_level: 0,
    default_message_notifications: 0,
    explicit_content_filter: 0,
    roles: [
      {
        id: GUILD_ID,
        name: '@everyone',
        color: 0,
        hoist: false,
        position: 0,
        permissions: '8',
        managed: false,
        mentionable: false,
        flags: 0,
      },
    ],
    emojis: [],
    stickers: [],
    features: [],
    mfa_level: 0,
    system_channel_id: null,
    system_channel_flags: 0,
    rules_channel_id: null,
    premium_tier: 0,
    preferred_locale: 'en-US',
    nsfw_level: 0,
    joined_at: '2025-01-01T00:00:00.000000+00:00',
    large: false,
    unavailable: false,
    member_count: 2,
    voice_states: [],
    members: [memberOf(bot), memberOf(ADA)],
    channels: [channelOf()],
    threads: [],
    presences: [],
    stage_instances: [],
    guild_scheduled_events: [],
    soundboard_sounds: [],
  };
}

export function applicationOf(id: string): Record<string, unknown> {
  return {
    id,
    name: 'Stub',
    description: '',
    icon: null,
    bot_public: true,
    bot_require_code_grant: false,
    verify_key: '0'.repeat(64),
    flags: 0,
    owner: ADA,
    team: null,
  };
}

function channelOf(): Record<string, unknown> {
  return {
    id: CHANNEL_ID,
    guild_id: GUILD_ID,
    type: 0,
    name: 'general',
    position: 0,
    permission_overwrites: [],
  };
}

function memberOf(user: DiscordUser): Record<string, unknown> {
  const joined_at = '2025-01-01T00:00:00.000000+00:00';
  return { user, nick: null, roles: [], joined_at, deaf: false, mute: false, flags: 0, permissions: '8' };
}

export interface DiscordAttachment {
  readonly id: string;
  readonly filename: string;
  readonly size: number;
  readonly url: string;
  readonly proxy_url: string;
  readonly content_type: string;
}

/** its URL is signed: the CDN wants nothing else */
export function attachmentOf(
  id: string,
  filename: string,
  size: number,
  signature: string,
): DiscordAttachment {
  const path = `/attachments/${CHANNEL_ID}/${id}/${encodeURIComponent(filename)}?ex=7fffffff&is=66e0f000&hm=${signature}`;
  return {
    id,
    filename,
    size,
    url: `https://cdn.discordapp.com${path}`,
    proxy_url: `https://media.discordapp.net${path}`,
    content_type: 'application/octet-stream',
  };
}

export interface MessageParts {
  readonly id: string;
  readonly author: DiscordUser;
  readonly content: string;
  readonly attachments: readonly DiscordAttachment[];
  readonly nowMs: number;
}

export function messageOf({
  id,
  author,
  content,
  attachments,
  nowMs,
}: MessageParts): Record<string, unknown> {
  return {
    id,
    channel_id: CHANNEL_ID,
    guild_id: GUILD_ID,
    author,
    content,
    timestamp: new Date(nowMs).toISOString(),
    edited_timestamp: null,
    tts: false,
    mention_everyone: false,
    mentions: [],
    mention_roles: [],
    attachments,
    embeds: [],
    components: [],
    pinned: false,
    type: 0,
    flags: 0,
  };
}

/** a user's call of the slash command `/stub`, with the text as its option */
export function commandInteraction(
  applicationId: string,
  { id, token }: { readonly id: string; readonly token: string },
  text: string,
): Record<string, unknown> {
  return {
    id,
    application_id: applicationId,
    type: 2,
    token,
    version: 1,
    data: {
      id: '1100000000000000004',
      name: 'stub',
      type: 1,
      options: [{ name: 'text', type: 3, value: text }],
    },
    guild_id: GUILD_ID,
    guild: { id: GUILD_ID, features: [], locale: 'en-US' },
    channel_id: CHANNEL_ID,
    channel: channelOf(),
    member: memberOf(ADA),
    app_permissions: '8',
    locale: 'en-US',
    guild_locale: 'en-US',
    entitlements: [],
    authorizing_integration_owners: {},
    context: 0,
    attachment_size_limit: 10_485_760,
  };
}
