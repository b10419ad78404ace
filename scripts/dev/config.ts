/** The environment of this process: it says where programs and caches are, and is passed to the children. */
export function processEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env
}
