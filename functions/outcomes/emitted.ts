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
