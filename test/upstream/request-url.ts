// The address of a request, as far as the stubs need it.

/** the request target as a URL of no particular host; `//ws/…`, which one SDK sends, is a path and no host */
export function requestUrl(request: { readonly url?: string | undefined }): URL {
  const target = request.url ?? '/';
  return new URL(target.startsWith('/') ? `https://upstream.invalid${target}` : 'https://upstream.invalid/');
}
