/** One line of JSON that a child logged. */
export interface ChildLine {
  readonly level: string
  readonly time: string
  readonly msg: string
  readonly component: string
  readonly event: string
  readonly [field: string]: unknown
}

/** A log line of a child, or a note of `jobico dev` itself. */
export type Report =
  | { readonly kind: 'line'; readonly line: ChildLine }
  | { readonly kind: 'note'; readonly level: 'info' | 'warn' | 'error'; readonly text: string }

/** Takes reports. */
export type Show = (report: Report) => void

/** Reads one line of a child's output; undefined if it is not JSON. */
export function parseChildLine(text: string): ChildLine | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    const value = JSON.parse(text) as Partial<ChildLine>
    const { level = 'info', time = '', msg = '', component = '', event = '' } = value
    return { ...value, level, time, msg, component, event }
  } catch {
    return undefined
  }
}
