// The module that projects import as jobico/testing. A clone runs its sources, which needs Node 22.18 or later.
import { existsSync } from 'node:fs'

const source = new URL('../scripts/module-testing/load-guest.ts', import.meta.url)
const bundle = new URL('../dist/testing.js', import.meta.url)
const { loadGuest } = await import((existsSync(source) ? source : bundle).href)

export { loadGuest }
