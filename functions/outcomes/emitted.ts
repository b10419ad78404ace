/** Data for another event of the same Job, as JSON text in UTF-8. */
export interface EmittedData {
  readonly event: string
  readonly data: Uint8Array
}

/** The id of the `number`-th event, from 1, that the event with a key emitted. Pure. */
export function emittedId(key: string, number: number): string {
  return `${key}-${number}`
}

/** The key of the cause, given the id of a result, which is that key, or of an emitted event; undefined for other ids. Pure. */
export function causeKeyOf(id: string): string | undefined {
  return /^([a-z2-7]{26})(?:-\d{1,3})?$/.exec(id)?.[1]
}

/** The payload of a done verdict, taken apart: the data of the result, and the emitted data. */
export interface VerdictData {
  readonly data: Uint8Array
  readonly emitted: readonly EmittedData[]
}

/** The header that lists the emitted data behind the result's data: `<event>=<bytes>` for each, separated by commas. */
export function emittedHeader(emitted: readonly EmittedData[]): string {
  return emitted.map(({ event, data }) => `${event}=${data.length}`).join(',')
}

/** The payload of a done verdict: the data of the result, then the emitted data. */
export function joinEmitted(data: Uint8Array | undefined, emitted: readonly EmittedData[]): Uint8Array {
  if (emitted.length === 0) return data ?? new Uint8Array()
  return Buffer.concat([data ?? new Uint8Array(), ...emitted.map((each) => each.data)])
}

/** Takes such a payload apart by its header; if that is empty, all of it is the result's data. */
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
