import { demangleV0 } from './demangle-v0.ts'

const MOST_CHARS = 2_000
const HASH = /^h[0-9a-f]{16}$/
const ESCAPES: Readonly<Record<string, string | undefined>> = {
  SP: '@',
  BP: '*',
  RF: '&',
  LT: '<',
  GT: '>',
  LP: '(',
  RP: ')',
  C: ',',
}

/** Demangles a name of Rust or C++, without the types of its arguments. Gives any other name unchanged. */
export function demangle(name: string): string {
  if (name.length > MOST_CHARS) return name
  if (name.startsWith('_R')) return demangleV0(name.slice(2)) ?? name
  if (name.startsWith('_ZN')) return demangleNested(name.slice(3)) ?? name
  return name
}

/** Demangles a nested name of C++ or of Rust's older scheme: each part follows its length; Rust's last part is a hash. */
function demangleNested(mangled: string): string | undefined {
  const parts: string[] = []
  let at = 0
  while (mangled[at] !== 'E') {
    const digits = /^\d{1,4}/.exec(mangled.slice(at))?.[0]
    if (digits === undefined) return undefined
    const end = at + digits.length + Number(digits)
    if (end >= mangled.length) return undefined
    parts.push(mangled.slice(at + digits.length, end))
    at = end
  }
  if (HASH.test(parts[parts.length - 1] ?? '')) parts.pop()
  return parts.length === 0 ? undefined : parts.map(unescaped).join('::')
}

function unescaped(part: string): string {
  return part
    .replace(/^_(?=\$)/, '')
    .replaceAll('..', '::')
    .replaceAll(/\$(?:u([0-9a-f]{1,6})|([A-Z]{1,2}))\$/g, (whole, hex?: string, name?: string) =>
      hex === undefined ? (ESCAPES[name ?? ''] ?? whole) : characterOf(hex, whole),
    )
}

function characterOf(hex: string, otherwise: string): string {
  const code = Number.parseInt(hex, 16)
  return code <= 0x10ffff ? String.fromCodePoint(code) : otherwise
}
