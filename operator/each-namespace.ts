/**
 * Does the work for one namespace after another, also for those after one that fails: it may be closed to the operator, or its
 * account of NATS not be reached. At the end throws the first fault.
 */
export async function eachNamespace(
  namespaces: Iterable<string>,
  work: (namespace: string) => Promise<void>,
): Promise<void> {
  const faults: unknown[] = []
  for (const namespace of namespaces) await work(namespace).catch((fault: unknown) => faults.push(fault))
  if (faults.length > 0) throw faults[0]
}
