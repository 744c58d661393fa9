import { readJsonFile, writeFileAtomically } from '../atomic-file.ts';
import type { SettingValues } from './host-settings.ts';

/** What `down` must know about how the machine was before `up`. Written before anything is changed. */
export interface ClusterState {
  readonly createdAt: string;
  readonly settingsBefore: SettingValues;
  /** KUBE-* chains that were here before us are another cluster's */
  readonly foreignKubeChains: boolean;
  /** Whether `kubeletSharedDir` was here before us */
  readonly foreignKubeletDir: boolean;
}

/** The kubelet makes its device plugins' folder here, wherever its own folder is. */
export const kubeletSharedDir = '/var/lib/kubelet';

export function readState(path: string): ClusterState | undefined {
  const value = readJsonFile(path) as Partial<ClusterState> | undefined;
  if (value?.createdAt === undefined || value.settingsBefore === undefined) return undefined;
  return {
    createdAt: value.createdAt,
    settingsBefore: value.settingsBefore,
    foreignKubeChains: value.foreignKubeChains !== false,
    foreignKubeletDir: value.foreignKubeletDir !== false,
  };
}

export function writeState(path: string, state: ClusterState): void {
  writeFileAtomically(path, `${JSON.stringify(state, undefined, 2)}\n`);
}
