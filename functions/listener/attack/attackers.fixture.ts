import { connect } from 'node:net'

import { KINDS, type Kind } from './kinds.fixture.ts'

// A process of its own, so that its work does not delay the honest senders whose answers are timed.

/** A connection that was ended is made again after so long. */
const AGAIN_MS = 1_000
const DRIP_MS = 1_000
/** Connections are opened so many at a time, as from many machines. */
const AT_ONCE = 100

/** Keeps one connection of a kind open; calls `onBegun` once it has begun for the first time. */
function keepAttacking(port: number, kind: Kind, onBegun: () => void): void {
  const { begin, drip, again, half = false, deaf = false } = kind
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const timer = drip === undefined ? undefined : setInterval(() => socket.write(drip), DRIP_MS)
  socket.on('error', onBegun)
  socket.once('connect', () => {
    onBegun()
    if (half) socket.end(begin())
    else socket.write(begin())
  })
  if (deaf) socket.pause()
  else {
    socket.on('data', (bytes: Buffer) => {
      if (again === undefined) return
      const answers = bytes.toString('latin1').split('HTTP/1.1 ').length - 1
      for (let n = 0; n < answers; n++) socket.write(again())
    })
  }
  // The server has ended its side, so no answer will come any more.
  socket.once('end', () => socket.destroy())
  socket.once('close', () => {
    clearInterval(timer)
    setTimeout(() => keepAttacking(port, kind, () => undefined), AGAIN_MS)
  })
}

/** Attacks a port over many connections until this process is ended; says on standard output when all have begun. */
async function attack(port: number, name: string, count: number): Promise<void> {
  const kind = KINDS.find((each) => each.name === name)
  if (kind === undefined) throw new Error(`there is no kind ${name}`)
  for (let from = 0; from < count; from += AT_ONCE) {
    const some = Array.from(
      { length: Math.min(AT_ONCE, count - from) },
      () => new Promise<void>((resolve) => keepAttacking(port, kind, resolve)),
    )
    await Promise.all(some)
  }
  process.stdout.write('all have begun\n')
}

const [, , port, name, count] = process.argv
if (name !== undefined && import.meta.filename === process.argv[1]) {
  // The process that has started this one is gone, however it ended.
  process.stdin.resume().once('end', () => process.exit())
  await attack(Number(port), name, Number(count))
}
