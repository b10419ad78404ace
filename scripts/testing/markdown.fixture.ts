/** A fenced block of a page. */
export interface CodeBlock {
  /** The language after the fence, such as `console`; empty when there is none. */
  readonly language: string
  /** The name of a file: text between backquotes at the end of the paragraph before the block, as in "`job.yaml`:". */
  readonly file: string | undefined
  /** The heading under which it stands, without its number signs. */
  readonly heading: string
  /** Its lines; ends with a line feed. */
  readonly text: string
  /** The number of its first line in the page, from 1. */
  readonly line: number
}

const HEADING = /^#+ +(.*)$/
const FENCE = /^```([\w-]*)$/
const FILE = /`([^`]+)`:$/

/** The fenced blocks of a page in Markdown, in their order. Pure. */
export function codeBlocks(page: string): readonly CodeBlock[] {
  const lines = page.split('\n')
  const blocks: CodeBlock[] = []
  let heading = ''
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    heading = HEADING.exec(line)?.[1] ?? heading
    const language = FENCE.exec(line)?.[1]
    if (language === undefined) continue
    const end = lines.indexOf('```', at + 1)
    if (end < 0) throw new Error(`the block of line ${at + 1} has no end`)
    const text = lines
      .slice(at + 1, end)
      .map((inner) => `${inner}\n`)
      .join('')
    blocks.push({ language, file: FILE.exec(textBefore(lines, at))?.[1], heading, text, line: at + 2 })
    at = end
  }
  return blocks
}

/** The last line of text before a block. */
function textBefore(lines: readonly string[], at: number): string {
  const before = lines.slice(0, at).findLast((line) => line.trim() !== '')
  return before ?? ''
}
