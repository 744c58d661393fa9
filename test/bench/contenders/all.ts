// All contenders, in the order of the report.
import { bareUndici, expressProxy } from './baselines.ts';
import { clawshell } from './clawshell.ts';
import type { Contender } from './contender.ts';
import { direct } from './direct.ts';
import { litellm } from './litellm.ts';
import { mitmproxy } from './mitmproxy.ts';
import { nginx } from './nginx.ts';
import { nono } from './nono.ts';
import { portkey } from './portkey.ts';
import { relay } from './relay.ts';
import { sidecar, sidecarVariants } from './sidecar.ts';

export const CONTENDERS: readonly Contender[] = [
  direct,
  relay,
  nginx,
  clawshell,
  nono,
  bareUndici,
  expressProxy,
  sidecar,
  ...sidecarVariants,
  portkey,
  mitmproxy,
  litellm,
];
