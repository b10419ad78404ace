/** A media type as a Content-Type header names it, in lower case; parameters by name. */
export interface MediaType {
  readonly essence: string
  readonly parameters: ReadonlyMap<string, string>
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const QUOTED = String.raw`"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*"`
const ESSENCE = new RegExp(`^${TOKEN}/${TOKEN}`)
/** RFC 9110 lets a parameter be empty, so that `a/b;` and `a/b; ;c=d` are well-formed. */
const PARAMETER = new RegExp(`[\\t ]*;[\\t ]*(?:(${TOKEN})=(${TOKEN}|${QUOTED}))?`, 'y')

/** Parses a Content-Type by RFC 9110, section 8.3; undefined if it is not exactly one media type, or repeats a parameter. */
export function parseMediaType(text: string): MediaType | undefined {
  const essence = ESSENCE.exec(text)?.[0]
  if (essence === undefined) return undefined
  const parameters = parseParameters(text, essence.length)
  return parameters && { essence: essence.toLowerCase(), parameters }
}

function parseParameters(text: string, from: number): Map<string, string> | undefined {
  const parameters = new Map<string, string>()
  PARAMETER.lastIndex = from
  for (let at = from; at < text.length; at = PARAMETER.lastIndex) {
    const match = PARAMETER.exec(text)
    if (match === null) return undefined
    const [, name, value] = match
    if (name === undefined || value === undefined) continue
    if (parameters.has(name.toLowerCase())) return undefined
    parameters.set(name.toLowerCase(), unquoted(value))
  }
  return parameters
}

function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value
}

/** Tells whether the media type allows UTF-8, which JSON always is: it names no other charset. */
export function isUtf8({ parameters }: MediaType): boolean {
  const charset = parameters.get('charset')
  return charset === undefined || /^utf-?8$/i.test(charset)
}
