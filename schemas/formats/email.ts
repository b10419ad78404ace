import { fullFormats } from 'ajv-formats/dist/formats.js'

const QUOTED = /^"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"$/
const ADDRESS = /^\[(IPv6:)?([^\]]*)\]$/i

const plain = fullFormats.email as RegExp
const ipv4 = fullFormats.ipv4 as RegExp
const ipv6 = fullFormats.ipv6 as RegExp

/**
 * Whether a text has the format `email`: a mailbox of RFC 5321. ajv-formats does not know its local parts in quotes, and its
 * addresses in brackets.
 */
export function isEmail(text: string): boolean {
  if (plain.test(text)) return true
  const at = text.lastIndexOf('@')
  const [local, domain] = [text.slice(0, at), text.slice(at + 1)]
  return isLocal(local) && isDomain(domain)
}

function isLocal(local: string): boolean {
  return QUOTED.test(local) || plain.test(`${local}@a.aa`)
}

function isDomain(domain: string): boolean {
  const [, version, address = ''] = ADDRESS.exec(domain) ?? []
  if (version === undefined) return ipv4.test(address) || plain.test(`a@${domain}`)
  return ipv6.test(address)
}
