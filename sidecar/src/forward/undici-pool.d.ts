// The package's main file would load fetch, caches and WebSockets as well: 14 MiB of memory for nothing.
declare module 'undici/lib/dispatcher/pool.js' {
  export { Pool as default } from 'undici';
}
