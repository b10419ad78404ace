import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Test } from 'tap'

import { messageOf } from '../../functions/process/errors.ts'

/**
 * A folder on a file system of its own of this size, which is unmounted after the test's teardowns have ended. Mounting needs
 * root: without it the test is skipped and says so, and in CI it fails.
 */
export function smallDisk(t: Test, mebibytes: number): string | undefined {
  const parent = mkdtempSync(join(tmpdir(), 'jobico-disk-'))
  const folder = join(parent, 'disk')
  mkdirSync(folder)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder], { stdio: 'pipe' })
  } catch (fault) {
    rmSync(parent, { recursive: true })
    const why = `this test needs a small disk, and can mount none (run it as root): ${messageOf(fault)}`
    t.fail(why, { skip: process.env['CI'] === undefined })
    return undefined
  }
  t.teardown(() => {
    // Lazily, because a process that has not quite ended may still have a file open.
    execFileSync('umount', ['-l', folder])
    rmSync(parent, { recursive: true })
  })
  return folder
}
