import { compileSchema, type Validate } from '../../schemas/validator.ts'

/** More than the schemas of most projects; each keeps its compiled code. */
const MOST_KEPT = 64

type Outcome = { readonly validate: Validate } | { readonly fault: unknown }

const kept = new Map<string, Outcome>()

/**
 * Compiles a schema as `compileSchema` does, and throws what it throws, but does so only once for the same text: a large
 * schema takes a second, and `jobico dev` reads it at each save of any file. `json` is the parsed text.
 */
export function compiledSchema({ text, json }: { readonly text: string; readonly json: unknown }): Validate {
  const outcome = kept.get(text) ?? compile(json)
  kept.delete(text) // the last one used is the last in the order of the map
  kept.set(text, outcome)
  const [oldest] = kept.keys()
  if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest)
  if ('fault' in outcome) throw outcome.fault
  return outcome.validate
}

function compile(json: unknown): Outcome {
  try {
    return { validate: compileSchema(json) }
  } catch (fault) {
    return { fault }
  }
}
