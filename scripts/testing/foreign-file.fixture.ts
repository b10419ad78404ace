import { closeSync, ftruncateSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const BLOCK = Buffer.alloc(64 * 1024)
const name = (folder: string) => join(folder, 'foreign')

/** Fills the disk of a folder with a file of something else, and leaves this many bytes free. */
export function fillDisk(folder: string, freeBytes = 0): void {
  const { bavail, bsize } = statfsSync(folder)
  const file = openSync(name(folder), 'a')
  let left = bavail * bsize - freeBytes
  try {
    while (left > 0) left -= writeSync(file, BLOCK, 0, Math.min(left, BLOCK.length))
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code !== 'ENOSPC') throw fault
  } finally {
    closeSync(file)
  }
}

/** Cuts the file of fillDisk to this size; at 0 it is removed. */
export function cutForeignFile(folder: string, bytes = 0): void {
  if (bytes === 0) {
    rmSync(name(folder))
    return
  }
  const file = openSync(name(folder), 'r+')
  ftruncateSync(file, bytes)
  closeSync(file)
}
