// Names of contenders that the report looks for.
export const DIRECT = 'direct';
export const SIDECAR = 'SEKS sidecar';
export const BARE_UNDICI = 'bare undici';
export const NONO = 'nono';
export const PORTKEY = 'Portkey';
export const LITELLM = 'LiteLLM';
