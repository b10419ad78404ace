/** What a queue works with. */
export interface QueueOptions {
  /** Works on a key; the answer is after how many ms to do so again, if at all. What it throws makes it wait, longer each time. */
  readonly work: (key: string, signal: AbortSignal) => Promise<number | undefined>
  /** How many keys are worked on at once. */
  readonly concurrency: number
  /** Told what `work` threw, and in how many ms it is tried again. */
  readonly onError: (key: string, fault: unknown, retryMs: number) => void
}

/** A queue of keys in which a key waits once, however often it was added, and is never worked on twice at once. */
export interface WorkQueue {
  /** Work on the key as soon as possible, also where it waits for a later time; once more if it is being worked on. */
  add(key: string): void
  /** Work on the key after that many ms at the latest. */
  addAfter(key: string, ms: number): void
  /** How many keys wait to be worked on now; keys that wait for a later time do not count. */
  size(): number
  /** Takes nothing more up, aborts the signal, and waits for what runs. */
  stop(): Promise<void>
}

/** Makes a queue; it starts at once. */
export declare function createWorkQueue(options: QueueOptions): WorkQueue
