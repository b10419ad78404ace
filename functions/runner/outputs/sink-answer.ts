/** How much of an answer's body is read, in bytes. */
export const ANSWER_BYTES = 16 * 1024
/** The most of it that a reason has, in UTF-16 units. */
const ANSWER_CHARS = 200

/** Members of a JSON answer that say what was wrong, those of a problem document (RFC 9457) first. */
const TELLING = [
  'detail',
  'title',
  'error_description',
  'message',
  'msg',
  'error',
  'reason',
  'errors',
] as const
const NOT_SHOWN = /<(script|style|head)\b[^]*?<\/\1\s*>|<!--[^]*?-->/gi
const TAGS = /<[/!?]?[a-z][^<>]*>?/gi
const HAS_MARKUP = /^\s*<|<\/[a-z]|<!doctype/i
const ENTITIES: Readonly<Record<string, string>> = {
  '&quot;': '"',
  '&#39;': "'",
  '&nbsp;': ' ',
  '&amp;': '&',
}

/**
 * What the start of an answer's body says, in one line of at most 200 characters: a member of JSON that tells what was wrong,
 * else the text, without HTML's tags. Pure.
 */
export function answerText(body: Uint8Array): string {
  const sent = new TextDecoder().decode(body)
  const text = tellingMember(sent) ?? sent
  return oneLine(HAS_MARKUP.test(text) ? withoutTags(text) : text)
}

function tellingMember(text: string): string | undefined {
  try {
    return textOf(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** The first text that tells something, also of an object or a list in such a member: many APIs have `error.message`. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value.trim() === '' ? undefined : value
  if (Array.isArray(value)) return textOf(value[0])
  if (typeof value !== 'object' || value === null) return undefined
  const members = new Map<string, unknown>(Object.entries(value))
  for (const name of TELLING) {
    const text = textOf(members.get(name))
    if (text !== undefined) return text
  }
  return undefined
}

function withoutTags(html: string): string {
  const text = html.replace(NOT_SHOWN, ' ').replace(TAGS, ' ')
  return text.replace(/&(?:quot|#39|nbsp|amp);/g, (entity) => ENTITIES[entity] ?? entity)
}

function oneLine(text: string): string {
  const line = text.replace(/[\s\p{C}]+/gu, ' ').trim()
  return (line.length > ANSWER_CHARS ? `${line.slice(0, ANSWER_CHARS - 1)}…` : line).toWellFormed()
}
