import type { EventRef } from '../../functions/queues/names.ts'

/** The trigger of a ScaledObject: which event KEDA asks for, and how many of its messages each pod is to have. */
export interface Trigger {
  readonly ref: EventRef
  readonly target: number
}

/** A token of a subject of NATS without a meaning of its own. */
const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i

/** The metadata of a trigger. The namespace is that of the ScaledObject. */
export function triggerMetadata({ ref: { job, event }, target }: Trigger): Readonly<Record<string, string>> {
  return { job, event, target: String(target) }
}

/** Reads the metadata back. Undefined if a name is missing or not valid, or if the target is no positive whole number. */
export function parseTrigger(
  namespace: string,
  { job = '', event = '', target = '' }: Readonly<Record<string, string>>,
): Trigger | undefined {
  if (![namespace, job, event].every((name) => NAME.test(name)) || !/^[1-9]\d{0,8}$/.test(target))
    return undefined
  return { ref: { namespace, job, event }, target: Number(target) }
}
