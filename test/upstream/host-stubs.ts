// The imitated APIs that are told apart by host name.
import { createDiscordStub } from './discord.ts';
import { createGenericStub } from './generic.ts';
import { createGithubStub } from './github.ts';
import type { HostStub } from './host-stub.ts';
import { createNotionStub } from './notion.ts';
import { createSlackStub } from './slack.ts';
import { createStripeStub } from './stripe.ts';
import { createTelegramStub } from './telegram.ts';

export const HOST_STUBS: readonly HostStub[] = [
  createDiscordStub(),
  createSlackStub(),
  createTelegramStub(),
  createGithubStub(),
  createNotionStub(),
  createStripeStub(),
  createGenericStub(),
];
