const MiB = 2 ** 20

/** Memory of a runner without instances. Measured: 150 MB under load, 400 MB while it starts with a module of 64 MiB. */
const PROCESS_BYTES = 512 * MiB
/** How many instances a worker thread holds: the running one, and earlier ones until they are collected; measured. */
const INSTANCES_PER_THREAD = 4
/** An event and its result fit into that, also those of a module with little memory. */
const LEAST_HEAP_BYTES = 24 * MiB

/** What decides how much memory a runner may take. */
export interface RunnerSize {
  /** The most linear memory of one execution. */
  readonly memoryBytes: number
  /** The number of its threads. */
  readonly concurrency: number
}

/** The limit of a runner's pod, in bytes. */
export function podLimit({ memoryBytes, concurrency }: RunnerSize): number {
  return PROCESS_BYTES + INSTANCES_PER_THREAD * memoryBytes * concurrency
}

/**
 * The most bytes of the heap of one thread, so that all threads together stay within the limit of their pod: half of what the
 * process may take is the threads', and of each thread's instances, half are left to its heap.
 */
export function threadHeap({ memoryBytes, concurrency }: RunnerSize): number {
  const share = PROCESS_BYTES / 2 / concurrency + (INSTANCES_PER_THREAD / 2) * memoryBytes
  return Math.min(PROCESS_BYTES, Math.max(LEAST_HEAP_BYTES, share))
}
