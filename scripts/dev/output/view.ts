import type { Colors } from 'picocolors/types.js'

import type { ChildLine, Report } from './report.ts'
import { clock, printable } from './printable.ts'

const EVENT_WIDTH = 10

/** Formats a report as one line; undefined for one that is not shown. */
export type View = (report: Report) => string | undefined

/** The view for programs: every report as one line of JSON. */
export function jsonView(): View {
  return (report) =>
    JSON.stringify(report.kind === 'line' ? report.line : { level: report.level, msg: report.text })
}

/** The view for people: events that are accepted, refused, done, retried or dead, log lines of modules, and warnings. */
export function textView(colors: Colors, verbose: boolean): View {
  const shown = { ...STEPS, ...(verbose ? VERBOSE_STEPS : {}) }
  return (report) => {
    if (report.kind === 'note') return NOTES[report.level](report.text, colors)
    const { line } = report
    const words = wordsOf(line, shown, colors)
    if (words === undefined) return undefined
    return `${colors.dim(clock(line.time))} ${line.event.padEnd(EVENT_WIDTH)} ${words}`
  }
}

type Words = (line: ChildLine, colors: Colors) => string

const NOTES: Readonly<Record<'info' | 'warn' | 'error', (text: string, colors: Colors) => string>> = {
  info: (text) => text,
  warn: (text, { yellow }) => `${yellow('warning:')} ${text}`,
  error: (text, { red }) => `${red('error:')} ${text}`,
}

/** How to show the log lines of children, by their message. */
const STEPS: Readonly<Record<string, Words>> = {
  Accepted: (line, { cyan }) =>
    `${cyan('accepted')}  ${field(line, 'key')}${line['duplicate'] === true ? ' (a duplicate: not run again)' : ''}`,
  Refused: (line, { yellow }) => `${yellow('refused')}   ${field(line, 'code')}${reason(line)}`,
  'Event done': (line, { green }) =>
    `${green('done')}      ${field(line, 'key')} ${ms(line, 'durationMs')}${attempts(line)}`,
  'Event retried': (line, { yellow }) =>
    `${yellow('retried')}   ${field(line, 'key')} attempt ${field(line, 'attempt')} failed, next in ${ms(line, 'delayMs')}: ${field(line, 'code')}${reason(line)}`,
  'Event waits for room': (line, { yellow }) => `${yellow('waits')}     ${field(line, 'key')}${reason(line)}`,
  'Event dead': (line, { red }) =>
    `${red('dead')}      ${field(line, 'key')} ${field(line, 'code')}${reason(line)}${attempts(line)}`,
}

const VERBOSE_STEPS: Readonly<Record<string, Words>> = {
  Listening: (line, { dim }) => dim(`${line.component} listens on port ${field(line, 'port')}`),
  Ready: (line, { dim }) => dim(`${line.component} is ready`),
}

function wordsOf(
  line: ChildLine,
  shown: Readonly<Record<string, Words>>,
  colors: Colors,
): string | undefined {
  if (line['guest'] === true) return guestWords(line, colors)
  const words = Object.hasOwn(shown, line.msg) ? shown[line.msg] : undefined
  if (words !== undefined) return words(line, colors)
  if (line.level !== 'warn' && line.level !== 'error') return undefined
  const paint = line.level === 'error' ? colors.red : colors.yellow
  return `${paint(line.component || line.level)}  ${printable(line.msg)}${faultOf(line)}`
}

function guestWords(line: ChildLine, { dim, yellow, red }: Colors): string {
  const paint = { warn: yellow, error: red, fatal: red }[line.level] ?? String
  return `${dim('log')}       ${field(line, 'key')} ${dim('|')} ${paint(printable(line.msg))}`
}

function faultOf({ err }: ChildLine): string {
  const message = (err as { message?: unknown } | undefined)?.message
  return typeof message === 'string' ? `: ${printable(message)}` : ''
}

function reason(line: ChildLine): string {
  const words = field(line, 'reason') || field(line, 'detail')
  return words === '' ? '' : `: ${words}`
}

function attempts(line: ChildLine): string {
  const count = line['attempts']
  return typeof count === 'number' && count > 1 ? ` after ${count} attempts` : ''
}

function field(line: ChildLine, name: string): string {
  const value = line[name]
  return typeof value === 'string' || typeof value === 'number' ? printable(String(value)) : ''
}

function ms(line: ChildLine, name: string): string {
  const value = line[name]
  if (typeof value !== 'number') return ''
  return value < 10_000
    ? `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)} ms`
    : `${Math.round(value / 1_000)} s`
}
