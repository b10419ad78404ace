import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import type { EventRef } from '../../../functions/queues/names.ts'
import { ROOT } from '../../bundling/modules.ts'

const PROGRAM = join(ROOT, 'operator/scaler/keda.bench.ts')

/** Times from the PubAck of an idle event's first message to the scaler's word, in milliseconds. */
export type WakeTimes = readonly number[]

/** A process that does to the scaler what KEDA does. */
export interface Keda {
  /** Follows these events too, and asks for each now and then. Resolves when all are known to be idle. */
  follow(refs: readonly EventRef[]): Promise<void>
  /** Stores a message for each of these events; settles them afterwards, and waits until they are idle. */
  wake(refs: readonly EventRef[], together: boolean): Promise<WakeTimes>
  stop(): Promise<void>
}

/** Starts the process. Its methods throw an Error when it has ended. */
export function startKeda(natsUrl: string, scalerPort: number): Keda {
  const child = fork(PROGRAM, [natsUrl, String(scalerPort)])
  const ended = once(child, 'exit')
  const ask = async (asked: object): Promise<unknown> => {
    const answer = once(child, 'message') as Promise<[{ readonly answer: unknown }]>
    child.send(asked)
    const first = await Promise.race([answer, ended.then(() => undefined)])
    if (first === undefined) throw new Error('the process that stands for KEDA has ended')
    return first[0].answer
  }
  return {
    async follow(refs) {
      await ask({ ask: 'follow', refs })
    },
    wake: async (refs, together) => (await ask({ ask: 'wake', refs, together })) as WakeTimes,
    async stop() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
