/** The headers of a request: all values of each, in their order, by its name in lower case. */
export type RequestHeaders = ReadonlyMap<string, readonly string[]>

/** Collects Node's `rawHeaders`, which show a header that came twice; `headers` do not. */
export function collectHeaders(rawHeaders: readonly string[]): RequestHeaders {
  const headers = new Map<string, string[]>()
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase()
    const value = rawHeaders[at + 1] ?? ''
    const values = headers.get(name)
    if (values === undefined) headers.set(name, [value])
    else values.push(value)
  }
  return headers
}
