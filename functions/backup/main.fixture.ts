import { open } from 'node:fs/promises'

import { connectNats } from '../jetstream/connection.ts'
import { checkBackup } from './backup-file.ts'
import { restore } from './restore.ts'

// Restores a file; a test kills it.
const [url = '', path = ''] = process.argv.slice(2)
const connection = await connectNats({ url, name: 'restore' })
const file = await open(path)
const { signal } = new AbortController()
process.stdout.write('begins\n')
await restore(connection, {
  ...{ backup: await checkBackup(file), signal, limitMs: 20_000 },
  onWait: () => undefined,
})
await file.close()
await connection.close()
