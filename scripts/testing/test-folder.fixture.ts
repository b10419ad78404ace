import type { Test } from 'tap'

/** The folder of a test, filled as told. It goes when all that the test's teardowns end is at its end. */
export function testFolder(t: Test, content?: Parameters<Test['testdir']>[0]): string {
  // tap removes a folder that is older than the first teardown before it runs that.
  t.teardown(() => undefined)
  return t.testdir(content)
}
