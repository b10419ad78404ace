/** Where the module of an event comes from: a file as it is, or AssemblyScript at `entry` to be compiled to `out`. Paths are absolute. */
export type LocalModule =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'source'; readonly entry: string; readonly out: string }

/** One event of a Job with everything that it refers to found and read. */
export interface LocalEvent {
  readonly name: string
  /** A valid JSON Schema, as it is in the ConfigMap and parsed. */
  readonly schema: { readonly text: string; readonly json: unknown }
  readonly module: LocalModule
  readonly timeoutMs: number
  readonly memoryBytes: number
  readonly env: Readonly<Record<string, string>>
  readonly retry: { readonly maxAttempts: number; readonly minDelayMs: number; readonly maxDelayMs: number }
  readonly runner: { readonly maxReplicas: number; readonly concurrency: number }
  /** The text of the Secret's key, one token a line; absent where anyone may send. */
  readonly authTokens?: string
  readonly output?: { readonly event: string } | { readonly sink: string }
}

/** A Job of the files, with its defaults. */
export interface LocalJob {
  readonly namespace: string
  readonly name: string
  /** The file as it was named. */
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

/** Every Job of the files, and the files and source folders, as absolute paths, whose change can change them. */
export interface LoadedJobs {
  readonly jobs: readonly LocalJob[]
  readonly watched: readonly string[]
}
