/** Data for another event of the same Job, as JSON text in UTF-8. */
export interface EmittedData {
  readonly event: string
  readonly data: Uint8Array
}

/** What is in the message of a done verdict: the data of the result, and all that was emitted. */
export interface VerdictData {
  readonly data: Uint8Array
  readonly emitted: readonly EmittedData[]
}

/** How emitted data lies behind the data of the result: `<event>=<bytes>` of each, with commas. */
export function emittedHeader(emitted: readonly EmittedData[]): string {
  return emitted.map(({ event, data }) => `${event}=${data.length}`).join(',')
}

/** The payload of a done verdict. */
export function joinEmitted(data: Uint8Array | undefined, emitted: readonly EmittedData[]): Uint8Array {
  if (emitted.length === 0) return data ?? new Uint8Array()
  return Buffer.concat([data ?? new Uint8Array(), ...emitted.map((each) => each.data)])
}

/** Takes a payload apart again; without a header, all of it is the result's. */
export function splitEmitted(header: string, payload: Uint8Array): VerdictData {
  if (header === '') return { data: payload, emitted: [] }
  const parts = header.split(',').map((part) => {
    const [event = '', bytes = ''] = part.split('=')
    return { event, bytes: Number(bytes) }
  })
  let at = payload.length - parts.reduce((sum, { bytes }) => sum + bytes, 0)
  const data = payload.subarray(0, at)
  const emitted = parts.map(({ event, bytes }) => ({ event, data: payload.subarray(at, (at += bytes)) }))
  return { data, emitted }
}
