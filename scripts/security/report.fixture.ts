import { appendFileSync } from 'node:fs'

import { securityConfig } from './config.ts'
import type { Measured } from './table.ts'

/** Adds what an attack has measured to the table of `npm run test:security`; does nothing when another command runs the test. */
export function report(measured: Measured): void {
  const { resultsFile } = securityConfig()
  if (resultsFile !== undefined) appendFileSync(resultsFile, `${JSON.stringify(measured)}\n`)
}
