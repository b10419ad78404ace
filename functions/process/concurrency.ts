/**
 * Runs `task` for each item, at most `limit` at a time, and takes an item only when its task can start. After the first
 * fault it starts no more tasks, waits for those that run, and rejects with that fault.
 */
export async function forEachConcurrently<T>(
  items: AsyncIterable<T> | Iterable<T>,
  limit: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = eachOf(items)
  const faults: unknown[] = []
  const runTasks = async () => {
    try {
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
        if (faults.length > 0) return
        await task(next.value)
      }
    } catch (fault) {
      faults.push(fault)
    }
  }
  await Promise.all(Array.from({ length: limit }, runTasks))
  await iterator.return()
  if (faults.length > 0) throw faults[0]
}

async function* eachOf<T>(items: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* items
}
