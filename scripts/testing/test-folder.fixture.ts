import type { Test } from 'tap'

/** A folder for a test, with this content. It is removed after the test's teardowns have ended. */
export function testFolder(t: Test, content?: Parameters<Test['testdir']>[0]): string {
  // tap removes the folder first, unless a teardown was registered before the folder was made.
  t.teardown(() => undefined)
  return t.testdir(content)
}
