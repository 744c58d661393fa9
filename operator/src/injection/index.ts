// The injection core: pure functions that decide what a pod gets and whether it still has it.
export { bindingCurrent } from './binding-current.ts';
export type { CurrentRequest } from './binding-current.ts';
export type { JsonPatch, PatchOperation } from './json-patch.ts';
export { planInjection } from './plan.ts';
export type { InjectionPlan, InjectionSettings, PlanRequest } from './plan.ts';
export { applyPatch } from './json-patch.ts';
export { parsePod, serviceAccountOf } from './raw-pod.ts';
export type { RawContainer, RawEnvVar, RawPod, RawPodSpec, RawVolume, RawVolumeMount } from './raw-pod.ts';
export { formatKeySet, makeSeal, parseKeySet, readSeal } from './seal.ts';
export type { InjectionSigner, SealReading } from './seal.ts';
export { buildSidecar, buildVolumes } from './sidecar.ts';
export { selects } from './selects.ts';
export { verifyInjection } from './verify.ts';
export type { Verification, VerifyRequest } from './verify.ts';
