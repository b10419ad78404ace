import type { NatsConnection } from '@nats-io/transport-node'
import type { Test } from 'tap'

import { startNatsServer, type NatsServer } from '../../scripts/nats-server/start.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'
import { connectNats } from '../jetstream/connection.ts'
import { accountOf, credentials, type AccountName, type Part } from './issue.ts'
import { newKeys, type InstallationKeys } from './keys.ts'

/** A nats-server that takes connections with credentials only. */
export interface IdentityServer {
  readonly server: NatsServer
  readonly keys: InstallationKeys
  /** Connects as a part, to an account. */
  as(account: AccountName, part: Part): Promise<NatsConnection>
  /** Connects with these credentials, or without any. */
  connect(credentials: string | undefined): Promise<NatsConnection>
}

/** Starts such a server with the accounts of namespaces; it ends with the test. */
export async function startIdentityServer(t: Test, namespaces: readonly string[]): Promise<IdentityServer> {
  const keys = newKeys(new Date())
  const server = await startNatsServer({
    storeDir: testFolder(t),
    environment: process.env,
    identities: { keys, accounts: namespaces.map(accountOf), accountOf },
  })
  t.teardown(() => server.stop())
  const connect = async (text: string | undefined) => {
    const connection = await connectNats({
      ...{ url: server.url, name: 'test', firstWithinMs: 5_000 },
      ...(text === undefined ? {} : { credentials: text }),
    })
    t.teardown(() => connection.close())
    return connection
  }
  return { server, keys, connect, as: (account, part) => connect(credentials(keys, account, part)) }
}
