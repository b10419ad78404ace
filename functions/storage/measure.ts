import { statfs } from 'node:fs/promises'

import { usedRatio, type Usage } from './report.ts'

/** How much of the file system of a folder is used. What only root could still write counts as used. */
export async function measureDisk(folder: string): Promise<Usage> {
  const { bsize, blocks, bavail, files, ffree } = await statfs(folder)
  const bytes: Usage = { of: 'bytes', used: (blocks - bavail) * bsize, size: blocks * bsize }
  // File systems that make files as they are needed say 0.
  const inodes: Usage = { of: 'files', used: files - ffree, size: files }
  return usedRatio(inodes) > usedRatio(bytes) ? inodes : bytes
}
