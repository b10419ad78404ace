/** Every value of each header of a request, by its name in lower case, in the order in which they came. */
export type RequestHeaders = ReadonlyMap<string, readonly string[]>

/** Gathers Node's `rawHeaders`, which unlike `headers` show a header that came twice. */
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
