import { cut } from '../abi.ts'

/** Finds in what a program writes to standard error the message that says why it ended. Takes bounded memory. */
export interface StderrReader {
  line(text: string): void
  /** The last line that is not blank; empty if there is none. */
  lastLine(): string
  /** The message for a program that ended itself: that of its runtime, else its last line outside of a stack trace. */
  message(): RuntimeMessage | undefined
  /** The message of the language's runtime, if nothing but its stack trace follows: of a panic, a failed assertion, … */
  runtimeMessage(): RuntimeMessage | undefined
}

/** A message in one line. */
export interface RuntimeMessage {
  readonly text: string
  /** Where it was in the author's own source, if the text does not say it, such as `main.f (main.go:7)`. */
  readonly place: string | undefined
  /** Whether the text says where it was in the author's own source. */
  readonly hasPlace: boolean
  /** Whether it says that memory could not be had. */
  readonly isMemory: boolean
}

/** A message that is being read. */
interface Message {
  readonly form: Form
  readonly chars: number
  readonly lines: readonly string[]
  /** In Rust, `file:line:column`; in Go, function and line. */
  readonly place: string | undefined
  /** The function of Go whose line comes next. */
  readonly frame: string | undefined
  /** Whether lines that follow belong to the message. */
  readonly isOpen: boolean
  /** Whether it surely comes from the runtime: a line of a log may begin alike. */
  readonly isSure: boolean
}

type Form = 'rust' | 'rust-before-1.73' | 'go' | 'line'

const MESSAGE_CHARS = 320 // leaves space for the place in a reason
const LINE_CHARS = 1024 // of which a line is read

const RUST = /^(?:thread '.*'(?: \(\d+\))? )?panicked at ([^'].*:\d+:\d+):$/
const RUST_BEFORE_1_73 = /^(?:thread '.*' )?panicked at '(.*)$/
const RUST_BEFORE_1_73_END = /^(.*)', (\S.*:\d+:\d+)$/
const RUST_END = /^(?:note: |stack backtrace:$)/
const GO = /^(?:panic|fatal error): /
const GO_NESTED = /^\s+panic: /
const GO_TRACE = /^(?:goroutine \d+ .*:|runtime stack:|\[signal .*\])$/
const CPP_DETAIL = /^\s+what\(\): /
/** Messages of one line: of assert in C, of C++, Rust's allocator, Zig and Swift. */
const LINES: readonly RegExp[] = [
  /^Assertion failed: .* \(.*: .*: \d+\)$/,
  /^(?:\S+: )?\S+:\d+: .*Assertion `.*' failed\.?$/,
  /^libc\+\+abi: /,
  /^terminate called /,
  /^pure virtual method called/i,
  /^memory allocation of \d+ bytes failed/,
  /^thread \d+ panic: /,
  /^(?:\S+:\d+: )?Fatal error: /,
]
const HAS_PLACE = /^Assertion failed|Assertion `.*' failed|^\S+:\d+: Fatal error/
const MEMORY =
  /^(?:fatal error: (?:runtime: )?(?:out of memory|cannot (?:allocate|reserve|map))|panic: runtime error.*: out of memory|memory allocation of \d+ bytes failed|(?:libc\+\+abi|terminate called).*std::bad_alloc)/

/** The arguments of a function in Go's stack traces. */
const GO_ARGUMENTS = /^\((?:\.\.\.|[{}0-9a-fx, .?_]*)\)$/
const GO_LINE = /^\t(\S.*):(\d+)(?: |$)/
/** The author's functions: package main, or a module with a domain in its path. Go's own packages have no dot there. */
const GO_OWN = /^(?:main\.|[^/]*\.[^/]*\/)/
/** Lines that belong to the stack traces of one language or another. */
const TRACE: readonly RegExp[] = [
  GO_TRACE,
  /^created by \S+/,
  /^exit status \d+$/,
  /^\.\.\..*frames elided/,
  /^note: (?:run with `RUST_BACKTRACE|Some details are omitted)/,
  /^(?:Traceback \(most recent call last\)|Caused by|CallStack \(from .*\)|stack (?:back)?trace):$/i,
  /^\S*@\S+:\d+(?::\d+)?$/,
  /^\S+:[\d?]+:[\d?]+: 0x[0-9a-f]+ in /,
  /^Unable to dump stack trace/,
  /^[^\p{L}\p{N}]*$/u,
]
/** Sources of Rust's libraries, whose lines say nothing to the author. */
const RUST_LIBRARY = /^(?:\/rustc\/|library\/|\/usr\/src\/rust|.*\/\.cargo\/registry\/)/
/** Colours of a terminal. */
const COLOURS = /\u001b\[[0-9;]*m/g

/** Makes a reader for one execution. */
export function stderrReader(): StderrReader {
  let message: Message | undefined
  let [last, outside, indented] = ['', '', '']

  const runtimeMessage = () => (message === undefined ? undefined : shown(message))
  return {
    line(raw) {
      const text = raw.slice(0, LINE_CHARS).replace(COLOURS, '').trimEnd()
      if (text === '') return
      last = text
      const begun = beginning(text)
      if (begun !== undefined) {
        message = begun
        outside = text
      } else if (message?.isOpen === true) {
        message = continued(message, text)
        if (!isTrace(text)) outside = text
      } else if (isTrace(text)) {
        message = message && traced(message, text)
        indented = text
      } else {
        message = undefined
        outside = text
      }
    },
    lastLine: () => last,
    message() {
      if (message?.isSure === true) return shown(message)
      const line = outside || indented
      return line === '' ? undefined : ofLine(line)
    },
    runtimeMessage,
  }
}

function beginning(text: string): Message | undefined {
  const rust = RUST.exec(text)
  if (rust !== null) return { ...begin('rust', '', true), place: rust[1], isSure: true }
  const old = RUST_BEFORE_1_73.exec(text)?.[1]
  if (old !== undefined) return continued({ ...begin('rust-before-1.73', '', true), isSure: true }, old)
  if (GO.test(text)) return begin('go', text, true)
  return LINES.some((form) => form.test(text)) ? { ...begin('line', text, false), isSure: true } : undefined
}

function begin(form: Form, text: string, isOpen: boolean): Message {
  const none = { place: undefined, frame: undefined }
  return withLine({ form, chars: 0, lines: [], ...none, isOpen, isSure: false }, text)
}

function withLine(message: Message, text: string): Message {
  const line = text.trim()
  if (line === '' || message.chars > MESSAGE_CHARS) return message
  return { ...message, chars: message.chars + line.length, lines: [...message.lines, line] }
}

/** The message with a line that came while it was open. */
function continued(message: Message, text: string): Message {
  const closed = { ...message, isOpen: false }
  if (message.form === 'go') {
    if (GO_TRACE.test(text)) return { ...closed, isSure: true }
    if (goFunction(text) !== undefined) return traced(closed, text)
    return withLine(message, GO_NESTED.test(text) ? `; ${text.trim()}` : text)
  }
  if (RUST_END.test(text)) return closed
  const end = message.form === 'rust' ? null : RUST_BEFORE_1_73_END.exec(text)
  return end === null ? withLine(message, text) : { ...withLine(closed, end[1] ?? ''), place: end[2] }
}

/** The message with what a line of the trace behind it adds. */
function traced(message: Message, text: string): Message {
  if (message.form === 'line') return CPP_DETAIL.test(text) ? withLine(message, text) : message
  return message.form === 'go' && message.place === undefined ? located(message, text) : message
}

/** The message with its place, if a line of Go's trace has the line of the first function of the author. */
function located(message: Message, text: string): Message {
  const frame = goFunction(text)
  if (frame !== undefined) return { ...message, frame: GO_OWN.test(frame) ? frame : undefined }
  const [, file, line] = GO_LINE.exec(text) ?? []
  if (message.frame === undefined || file === undefined || line === undefined) return message
  const path = file.startsWith('/') ? file.slice(file.lastIndexOf('/') + 1) : file
  return { ...message, place: `${message.frame} (${path}:${line})` }
}

function shown({ form, lines, place }: Message): RuntimeMessage {
  const text = oneLine(lines.join(' ').replaceAll(' ; ', '; '))
  if (form === 'go' || place === undefined)
    return { ...ofLine(text), place: form === 'go' ? place : undefined }
  return {
    text: `panicked at ${place}: ${text}`,
    place: undefined,
    hasPlace: !RUST_LIBRARY.test(place),
    isMemory: false,
  }
}

function ofLine(line: string): RuntimeMessage {
  const text = oneLine(line)
  return { text, place: undefined, hasPlace: HAS_PLACE.test(text), isMemory: MEMORY.test(text) }
}

function isTrace(text: string): boolean {
  return /^\s/.test(text) || goFunction(text) !== undefined || TRACE.some((form) => form.test(text))
}

/** The function that a line of Go's stack traces names with its arguments, such as `main.f(0x1)`. */
function goFunction(text: string): string | undefined {
  const at = text.lastIndexOf('(')
  if (at === -1 || !GO_ARGUMENTS.test(text.slice(at))) return undefined
  const name = text.slice(0, at)
  return name === 'panic' || (name.includes('.') && !/\s/.test(name)) ? name : undefined
}

function oneLine(text: string): string {
  return cut(text.replace(/[\s\p{Cc}]+/gu, ' ').trim(), MESSAGE_CHARS)
}
