import { mkdirSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

import t from 'tap'

import { runPage } from '../scripts/testing/page.fixture.ts'
import { testFolder } from '../scripts/testing/test-folder.fixture.ts'

const ROOT = join(import.meta.dirname, '..')

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

t.test('the tutorial does what it says', async (t) => {
  const folder = testFolder(t)
  const port = await freePort()
  const bin = join(folder, 'node_modules', '.bin')
  mkdirSync(bin, { recursive: true })
  symlinkSync(ROOT, join(folder, 'node_modules', 'jobico'))
  symlinkSync(join(ROOT, 'bin', 'jobico.js'), join(bin, 'jobico'))
  await runPage(t, {
    page: join(import.meta.dirname, 'tutorial.md'),
    folder,
    environment: { ...process.env, KUBECONFIG: '/no/kubeconfig' },
    isServer: (command) => command.startsWith('npx jobico dev'),
    translate: (text) =>
      text.replaceAll('8080', String(port)).replaceAll('npx jobico dev', `npx jobico dev --port ${port}`),
  })
})
