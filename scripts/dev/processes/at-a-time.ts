/** Runs a task for each item, in order, at most `count` at a time. Rejects with the first fault, and then starts no more. */
export async function atATime<T>(
  items: readonly T[],
  count: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values() // shared: each worker takes the next item
  const worker = async () => {
    for (const item of queue) await task(item)
  }
  await Promise.all(Array.from({ length: Math.min(count, items.length) }, worker))
}
