import { createServer } from 'node:net'
import { join } from 'node:path'

import t from 'tap'

import { installPackage } from '../scripts/testing/package.fixture.ts'
import { runPage } from '../scripts/testing/page.fixture.ts'
import { testFolder } from '../scripts/testing/test-folder.fixture.ts'

/** A port that nobody listens on. */
function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

t.test('with the packed package, the tutorial does what it says', async (t) => {
  const folder = testFolder(t)
  const port = await freePort()
  await installPackage(folder)
  await runPage(t, {
    page: join(import.meta.dirname, 'tutorial.md'),
    folder,
    environment: { ...process.env, KUBECONFIG: '/no/kubeconfig' },
    isServer: (command) => command.startsWith('npx jobico dev'),
    translate: (text) =>
      text.replaceAll('8080', String(port)).replaceAll('npx jobico dev', `npx jobico dev --port ${port}`),
  })
})
