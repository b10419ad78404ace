/** A command of a console block, and the lines that the page shows below it. */
export interface ShownCommand {
  readonly command: string
  readonly output: readonly string[]
}

/** What a console block has: output of what runs already, then commands. */
export interface Shown {
  /** The lines before the first command. */
  readonly before: readonly string[]
  readonly commands: readonly ShownCommand[]
}

interface CommandSoFar {
  command: string
  readonly output: string[]
}

/** Reads a console block: `$ ` begins a command, a backslash at the end of a line continues it. Pure. */
export function readConsole(text: string): Shown {
  const before: string[] = []
  const commands: CommandSoFar[] = []
  let continues = false
  for (const line of text.split('\n').filter((line) => line !== '')) {
    const last = commands[commands.length - 1]
    if (line.startsWith('$ ')) commands.push({ command: line.slice(2), output: [] })
    else if (last === undefined) before.push(line)
    else if (continues) last.command += `\n${line}`
    else last.output.push(line)
    continues = (line.startsWith('$ ') || continues) && line.endsWith('\\')
  }
  return { before, commands }
}

/**
 * Looks for lines that a page shows in what a program has printed. They have to come in this order; others may come between.
 * `…` stands for any text of a line, and several blanks for any number of them from two on, as in tables. Returns the first
 * line that is missing, or how much of the output they took. Pure.
 */
export function findShown(
  shown: readonly string[],
  output: string,
): { readonly missing: string } | { readonly taken: number } {
  let taken = 0
  for (const line of shown) {
    const pattern = line.split('…').map(escaped).join('.*').replaceAll(/ {2,}/g, ' {2,}')
    const match = new RegExp(`^${pattern}[ \\t]*$`, 'm').exec(output.slice(taken))
    if (match === null) return { missing: line }
    taken += match.index + match[0].length
  }
  return { taken }
}

/**
 * Changes a text as a diff without line numbers says. Throws when its lines without `+` are not in the text, or more than
 * once. Pure.
 */
export function applyDiff(text: string, diff: string): string {
  const lines = diff.split('\n').slice(0, -1)
  const side = (sign: string) =>
    lines
      .filter((line) => !line.startsWith(sign))
      .map((line) => `${line.slice(1)}\n`)
      .join('')
  const [before, after] = [side('+'), side('-')]
  const parts = `\n${text}`.split(`\n${before}`)
  const [head, tail] = parts
  if (head === undefined || tail === undefined || parts.length > 2)
    throw new Error(`found ${parts.length - 1} times, instead of once:\n${before}`)
  return `${head}\n${after}${tail}`.slice(1)
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
