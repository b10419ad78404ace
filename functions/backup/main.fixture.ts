import { connectNats } from '../jetstream/connection.ts'
import { restoreFrom } from './backup.fixture.ts'

// Restores a file; killed by a test.
const [url = '', path = ''] = process.argv.slice(2)
const connection = await connectNats({ url, name: 'restore' })
process.stdout.write('begins\n')
await restoreFrom(path, connection)
await connection.close()
