import { connectNats } from '../jetstream/connection.ts'
import { upgradeStreams } from './upgrade.ts'

/** Upgrades one Job in a process of its own, for tests that kill it: arguments are URL, namespace, Job and outputs as JSON. */
const [url = '', namespace = '', job = '', outputs = '{}'] = process.argv.slice(2)
const connection = await connectNats({ url, name: 'upgrade' })
process.stdout.write('begins\n')
const entries = Object.entries(JSON.parse(outputs) as Record<string, string>)
const options = { ref: { namespace, job }, outputs: new Map(entries) }
// What a killed process still had on its way to NATS may disturb the first call.
while (!(await upgradeStreams(connection, options)).finished);
await connection.close()
