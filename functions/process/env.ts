import { JobicoError } from './errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Bounds of a whole number; both ends are allowed. */
export interface Bounds {
  readonly min: number
  readonly max: number
  readonly fallback?: number
}

/** Reads variables and collects their faults, so that all of them are reported at once. */
export interface EnvReader {
  /** The variable's text; a fault when it is missing or empty and there is no fallback. */
  text(name: string, fallback?: string): string
  /** The variable's text, or undefined when it is missing or empty. */
  optional(name: string): string | undefined
  /** The variable as a whole number within bounds. */
  integer(name: string, bounds: Bounds): number
  /** The variable as true or false. */
  flag(name: string, fallback: boolean): boolean
  /** All variables whose names start with the prefix, by the rest of the name. */
  prefixed(prefix: string): Readonly<Record<string, string>>
  /** Records a fault that the caller found in a variable. */
  fault(name: string, problem: string): void
}

/** Calls `read` with a reader of the environment and freezes what it returns. Throws one CONFIG_INVALID with all faults. */
export function readEnv<T extends object>(
  environment: Environment,
  read: (env: EnvReader) => T,
): Readonly<T> {
  const faults: string[] = []
  const config = read(reader(environment, faults))
  if (faults.length > 0) {
    throw new JobicoError('CONFIG_INVALID', `these environment variables are not right: ${faults.join('; ')}`)
  }
  return Object.freeze(config)
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

/** The level of a process's log, from LOG_LEVEL; `info` by default. */
export function readLogLevel(env: EnvReader): string {
  const value = env.text('LOG_LEVEL', 'info')
  if (!LOG_LEVELS.includes(value)) env.fault('LOG_LEVEL', `is ${value}, not one of ${LOG_LEVELS.join(', ')}`)
  return value
}

function reader(environment: Environment, faults: string[]): EnvReader {
  const fault = (name: string, problem: string) => void faults.push(`${name} ${problem}`)
  const optional = (name: string) => environment[name] || undefined
  return {
    fault,
    optional,
    text(name, fallback) {
      const value = optional(name) ?? fallback
      if (value === undefined) fault(name, 'is missing')
      return value ?? ''
    },
    integer(name, { min, max, fallback }) {
      const text = optional(name) ?? fallback?.toString()
      const value = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : NaN
      if (value >= min && value <= max) return value
      fault(name, text === undefined ? 'is missing' : `is ${text}, not a whole number from ${min} to ${max}`)
      return min
    },
    flag(name, fallback) {
      const text = optional(name)
      if (text !== undefined && text !== 'true' && text !== 'false')
        fault(name, `is ${text}, neither true nor false`)
      return text === undefined ? fallback : text === 'true'
    },
    prefixed(prefix) {
      const found = Object.entries(environment).filter(
        (entry): entry is [string, string] => entry[0].startsWith(prefix) && entry[1] !== undefined,
      )
      return Object.fromEntries(found.map(([name, value]) => [name.slice(prefix.length), value]))
    },
  }
}
