import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, constants, existsSync, openSync, readSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * The places of a named pipe that a server has open while it runs. So whether it runs is known for certain, also after its
 * pid went to another process, and after the process that started it was killed. The second place is for a store on a file
 * system that has no named pipes.
 */
function places(storeDir: string): readonly string[] {
  const digest = createHash('sha256').update(realpathSync(storeDir)).digest('hex')
  return [join(storeDir, 'in-use'), join(tmpdir(), `jobico-${digest}.in-use`)]
}

/** A file descriptor for a server to inherit: while any process has it open, `isInUse` is true for the store. */
export async function createUseMark(storeDir: string): Promise<number> {
  const [first = '', second = ''] = places(storeDir)
  const pipe = await create(first).catch(() => create(second))
  // A pipe that is opened for both directions does not wait for the other end.
  return openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
}

async function create(pipe: string): Promise<string> {
  if (!existsSync(pipe)) await run('mkfifo', ['-m', '600', pipe])
  return pipe
}

/** Whether a server uses the store. */
export function isInUse(storeDir: string): boolean {
  return places(storeDir).some((pipe) => existsSync(pipe) && hasWriter(pipe))
}

function hasWriter(pipe: string): boolean {
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    readSync(reader, Buffer.alloc(1))
    return false // the end of the stream
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'EAGAIN') return true
    throw fault
  } finally {
    closeSync(reader)
  }
}

/** Removes the pipe of a server that has ended, because some programs that copy folders stop at one. */
export function removeUseMark(storeDir: string): void {
  if (isInUse(storeDir)) return
  for (const pipe of places(storeDir)) rmSync(pipe, { force: true })
}
