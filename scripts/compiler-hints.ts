/** What to write instead, when the compiler's message does not say it. */
interface Hint {
  /** What the message of a fault is like. */
  readonly message: RegExp
  /** What the line of source is like that the compiler shows below it; any by default. */
  readonly source?: RegExp
  readonly hint: string
}

/** Where all of it is explained. */
const PAGE =
  "AssemblyScript is not TypeScript; docs/assemblyscript.md of Jobico's repository says what to write instead"

const HINTS: readonly Hint[] = [
  {
    message: /: Closures$/,
    hint: 'a function can not use the variables of the function around it: write a for loop instead of map or forEach, pass what it needs as an argument, or keep it in a global variable or in a field of a class',
  },
  {
    message: /: Iterators$/,
    hint: 'there is no for…of: count with for (let i = 0; i < list.length; i++), and loop over map.keys() or set.values() in the same way, as they are arrays',
  },
  {
    message: /'const' declarations must be initialized/,
    source: /\bfor\s*\(\s*(?:const|let|var)\s+\w+\s+in\b/,
    hint: 'there is no for…in: count with for (let i = 0; i < list.length; i++); for data whose fields are not known use the keys() of a Json',
  },
  {
    message: /: Exceptions$/,
    hint: 'there is no try and catch, and throw ends the execution: check before you call, return null for a failure, and end with reject("why") or retry(60, "why")',
  },
  {
    message: /: union types$/,
    source: /\bundefined\b/,
    hint: 'there is no undefined: use null, as in string | null',
  },
  {
    message: /: union types$/,
    source: /\|\s*["'`]|["'`]\s*\|/,
    hint: 'there are no types of literals: use string, or an enum of numbers',
  },
  {
    message: /: union types$/,
    hint: 'a type can only be joined with null, as in string | null: use one type, a base class, or Json for any JSON value',
  },
  { message: /Cannot find name 'undefined'/, hint: 'there is no undefined: use null, as in string | null' },
  {
    message: /Cannot find name '(?:any|unknown)'/,
    hint: 'there is no any: name the type, or use Json for a JSON value of any kind',
  },
  {
    message: /Cannot find name 'JSON'/,
    hint: 'there is no JSON object: read with parseEvent(text).data or .decode<Order>(), Order being a class with @json, and write with encode(order) or Json.object().set("key", value)',
  },
  {
    message:
      /Cannot find name '(?:fetch|XMLHttpRequest|setTimeout|setInterval|Promise|require|process|Buffer)'/,
    hint: 'a module has no network, no files, no timers and nothing of Node: it gets the event, and returns a result; retry(60, "why") asks for another attempt later',
  },
  {
    message: /^ERROR TS1\d+/,
    source: /\basync\b|\bawait\b/,
    hint: 'there is no async and await: everything that a module can call returns at once',
  },
  {
    message: /^ERROR TS1\d+/,
    source: /\?\.|\?\?/,
    hint: 'there is no ?. and no ??: write value === null ? other : value.length',
  },
  {
    message: /^ERROR TS1\d+/,
    source: /\b(?:const|let|var)\s*[[{]/,
    hint: 'there is no destructuring: write a line for each, such as const name = event.data.string("name")',
  },
  { message: /^ERROR TS1\d+/, source: /\bfunction\s*\*/, hint: 'there are no generators: return an array' },
  {
    message: /^ERROR TS1\d+/,
    source: /\btype\s+\w+\s*=\s*\{|:\s*\{/,
    hint: 'there are no types of object literals: write a class with its fields, and @json before it if it is read from JSON or written to it',
  },
  {
    message: /^ERROR TS1\d+/,
    source: /:\s*\[/,
    hint: 'there are no tuples: write a class with a field for each',
  },
  {
    message: /^ERROR TS1110/,
    source: /\bfunction\b|=>/,
    hint: 'every parameter and every result of a function needs its type: function add(a: i32, b: i32): i32',
  },
  {
    message: /'<object>'|: Interface hidden classes$/,
    hint: 'an object literal needs a class: write class Total { sum: i64 = 0 } and const total = new Total(), or Json.object().set("sum", sum) for JSON without a class',
  },
  {
    message: /: Regular expressions$/,
    hint: 'there are no regular expressions: use includes, startsWith, indexOf and split of strings, or give the schema of the event a pattern',
  },
  {
    message: /: Spread operator$/,
    hint: 'there is no spread: use a.concat(b) or push for arrays, and pass arguments one by one',
  },
  {
    message: /Type '(.+) \| null' is not assignable to type '\1'/,
    hint: 'the value may be null: test it first, as in if (value === null) return reject("why"), or write value! where it can not be',
  },
  {
    message: /Type '(?:[iuf]\d+|[iu]size|bool)' is not assignable to type '~lib\/string\/String/,
    hint: 'a number is not made a string by itself: write value.toString(), or a template such as `${value} items`',
  },
  {
    message: /Type '(?:[iuf]\d+|[iu]size|bool)' cannot be nullable/,
    hint: 'a number or a bool can not be null: use a value that stands for none, such as -1, or a bool field beside it',
  },
  {
    message: /requires an explicit cast/,
    hint: 'write the cast: <i32>value, or value as i32; JSON numbers are mostly i64 or f64',
  },
  {
    message: /File '~lib\/.*' not found/,
    hint: 'packages of npm and modules of Node can not be imported: only "jobico", files of the project, and packages written in AssemblyScript',
  },
]

/**
 * Lines that say what to write instead, for the commonest faults in the compiler's output, each once; then where to read on.
 * Empty if no fault is a known one. Pure.
 */
export function compilerHints(diagnostics: string): readonly string[] {
  const hints = faultsIn(diagnostics).flatMap(({ message, source }) => {
    const known = HINTS.find((each) => each.message.test(message) && (each.source?.test(source) ?? true))
    return known === undefined ? [] : [`hint: ${known.hint}`]
  })
  return hints.length === 0 ? [] : [...new Set(hints), `hint: ${PAGE}`]
}

interface CompilerFault {
  /** Such as `ERROR AS100: Not implemented: Closures`. */
  readonly message: string
  /** The lines of source below it. */
  readonly source: string
}

function faultsIn(diagnostics: string): readonly CompilerFault[] {
  return diagnostics
    .split(/^(?=(?:ERROR|WARNING|FAILURE|INFO|PEDANTIC) )/m)
    .filter((block) => block.startsWith('ERROR '))
    .map((block) => {
      const [message = '', ...rest] = block.split('\n')
      return { message, source: rest.filter((line) => /^\s*\d+ │/.test(line)).join('\n') }
    })
}
