// One scenario of an agent's author, and what it needs and shows when it runs.
import type { ProviderName } from '../upstream/provider-stub.ts';

/** how the sidecar comes between SDK and provider */
export type Interception = 'BaseURL' | 'HostAlias' | 'Proxy';

export interface SdkRow {
  /** file in test/agent/scenarios; `.mjs` runs in Node, `.py` in Python, `.sh` in sh */
  readonly scenario: string;
  /** its steps to run; all when left out */
  readonly steps?: readonly string[];
  /** environment variable → the provider whose key it holds */
  readonly keys: Readonly<Record<string, ProviderName>>;
  /** the rest of the environment, the same with and without the sidecar */
  readonly env?: Readonly<Record<string, string>>;
  /** host names to resolve besides the plain ones of the stubs: one for each `*.` that the scenario meets */
  readonly hosts?: readonly string[];
  /** hosts that take no credential, so that the agent calls them itself */
  readonly direct?: readonly string[];
  /** steps whose provider repeats the key; without the sidecar their line has it, with the sidecar never */
  readonly echoSteps?: readonly string[];
  /** steps that send a wrong key on purpose, so that the stub has to have refused something */
  readonly refusedSteps?: readonly string[];
  /** steps that the catalogue's rules deny: with the sidecar they see its error, and the provider never sees them */
  readonly deniedSteps?: readonly string[];
  /** environment variable → name in the provider catalogue, where it is not the stub's name */
  readonly catalogue?: Readonly<Record<string, string>>;
  /** it cannot be run without a sidecar, because it trusts none of the authorities that tests can make */
  readonly onlyThroughSidecar?: true;
  /** through the sidecar: each entry is a run of its own */
  readonly throughSidecar: readonly SidecarRun[];
}

export interface SidecarRun {
  readonly mode: Interception;
  /** what the mode adds to the environment, besides the trust in its CA: base URLs below `http://127.0.0.1:15080` */
  readonly env?: Readonly<Record<string, string>>;
  /** the binding intercepts hosts as well, which sets the variables that replace a client's authorities */
  readonly withBundle?: true;
  /** the steps that this mode can carry, where it cannot carry all */
  readonly steps?: readonly string[];
}
