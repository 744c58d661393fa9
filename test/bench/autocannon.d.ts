// The part of autocannon's interface that the bench uses; the package has no types of its own.
declare module 'autocannon' {
  interface Options {
    url: string;
    method: string;
    connections: number;
    /** in seconds */
    duration: number;
    headers: Record<string, string>;
    body: string;
    tlsOptions?: { ca: string };
  }
  interface Result {
    '2xx': number;
    non2xx: number;
    errors: number;
    /** in seconds */
    duration: number;
  }
  export default function autocannon(options: Options): Promise<Result>;
}
