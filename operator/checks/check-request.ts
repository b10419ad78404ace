/** What a check process is asked about the bytes that follow. */
export type CheckRequest =
  | { readonly kind: 'schema' }
  | { readonly kind: 'module'; readonly name: string; readonly memoryBytes: number }

/** The line before the bytes of a request. */
export type CheckHead = CheckRequest & { readonly bytes: number }

/** The answer of a check process: whether a valid module emits, or what is wrong with what was checked. */
export type CheckAnswer = { readonly emits: boolean } | { readonly fault: string }

/** Ends each line of either side. A process that checks says one at its start, when it is ready to be asked. */
export const NEWLINE = 10

/** The most characters of a fault. */
export const FAULT_CHARS = 2_000
