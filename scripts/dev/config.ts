/** The environment of this process: where to find programs and caches, and what the children are given. */
export function processEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env
}
