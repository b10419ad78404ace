/**
 * Runs a task for each item, so many at a time, and takes no item before a lane is free. Rejects with the first fault once
 * the tasks that run have ended; no other begins then.
 */
export async function forEachConcurrently<T>(
  items: AsyncIterable<T> | Iterable<T>,
  lanes: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = eachOf(items)
  const faults: unknown[] = []
  const lane = async () => {
    try {
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
        if (faults.length > 0) return
        await task(next.value)
      }
    } catch (fault) {
      faults.push(fault)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  await iterator.return()
  if (faults.length > 0) throw faults[0]
}

async function* eachOf<T>(items: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* items
}
