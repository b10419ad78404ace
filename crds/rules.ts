import { celEnv, isCelError, parse, plan, type CelInput } from '@bufbuild/cel'
import type { ObjectPath, StructuralSchema } from './structure.ts'

/** What a rule found wrong, and where. */
export interface RuleFault {
  readonly path: ObjectPath
  readonly message: string
}

type Evaluate = (self: unknown) => boolean

const env = celEnv()
const planned = new Map<string, Evaluate>()

/** Evaluates the CEL rules of one place of the schema on the value there, as the API server does when an object is made. */
export function ruleFaults(schema: StructuralSchema, value: unknown, path: ObjectPath): RuleFault[] {
  return (schema['x-kubernetes-validations'] ?? [])
    .filter(({ rule }) => !isTransition(rule) && !evaluator(rule)(value))
    .map(({ message, fieldPath }) => ({
      path: [...path, ...(fieldPath?.split('.').slice(1) ?? [])],
      message,
    }))
}

// A rule that compares with oldSelf is for updates only; here every object is new.
function isTransition(rule: string): boolean {
  return /\boldSelf\b/.test(rule)
}

function evaluator(rule: string): Evaluate {
  const known = planned.get(rule)
  if (known) return known
  const run = plan(env, parse(rule))
  const evaluate: Evaluate = (self) => {
    const result = run({ self: celValue(self) })
    if (isCelError(result)) throw new Error(`the rule could not be evaluated: ${rule}`, { cause: result })
    return result === true
  }
  planned.set(rule, evaluate)
  return evaluate
}

// CEL has a type of its own for integers, and every number of a Job is one.
function celValue(value: unknown): CelInput {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value
  if (Array.isArray(value)) return value.map(celValue)
  if (typeof value !== 'object' || value === null) return value as string | boolean | null
  return new Map(Object.entries(value).map(([key, child]) => [key, celValue(child)]))
}
