/** The module of an event: a Wasm file, or AssemblyScript at `entry` to compile to `out`. Paths are absolute. */
export type LocalModule =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'source'; readonly entry: string; readonly out: string }

/** One event of a Job, with everything that it refers to. */
export interface LocalEvent {
  readonly name: string
  /** A valid JSON Schema: its text in the ConfigMap, and parsed. */
  readonly schema: { readonly text: string; readonly json: unknown }
  readonly module: LocalModule
  readonly timeoutMs: number
  readonly memoryBytes: number
  readonly env: Readonly<Record<string, string>>
  readonly retry: { readonly maxAttempts: number; readonly minDelayMs: number; readonly maxDelayMs: number }
  readonly runner: { readonly maxReplicas: number; readonly concurrency: number }
  /** The text of the Secret's key, one token a line; absent if anyone may send. */
  readonly authTokens?: string
  readonly output?: { readonly event: string } | { readonly sink: string }
}

/** A Job of the files, with its defaults filled in. */
export interface LocalJob {
  readonly namespace: string
  readonly name: string
  /** Path of the file, as the user gave it. */
  readonly file: string
  readonly queue: {
    readonly storage: 'File' | 'Memory'
    readonly maxBytes: number
    readonly duplicateWindowSeconds: number
    readonly doneRetentionSeconds: number
    readonly deadRetentionSeconds: number
  }
  readonly events: readonly LocalEvent[]
}

/** The Jobs of files, and the absolute paths of all files and folders on which they depend. */
export interface LoadedJobs {
  readonly jobs: readonly LocalJob[]
  readonly watched: readonly string[]
}
