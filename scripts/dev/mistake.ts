import { JobicoError } from '../../functions/process/errors.ts'
import { JobFileError } from '../job-files/fault.ts'

/** What is wrong since a save: files, by their paths as they were given; the modules; or something else. */
export type Mistake = readonly string[] | 'modules' | 'other'

/** What a fault of a reload finds wrong. Pure. */
export function mistakeOf(fault: unknown): Mistake {
  if (fault instanceof JobFileError) return [...new Set(fault.faults.map(({ file }) => file))]
  return fault instanceof JobicoError && fault.code === 'MODULE_INVALID' ? 'modules' : 'other'
}

/** Says that a mistake was undone. Pure. */
export function rightAgain(mistake: Mistake): string {
  if (mistake === 'modules') return 'the modules are right again'
  if (mistake === 'other') return 'all is right again'
  return `${mistake.join(', ')} ${mistake.length === 1 ? 'is' : 'are'} right again`
}

/** The missing files that would mend the fault of a reload. Pure. */
export function lookedFor(fault: unknown): readonly string[] {
  return fault instanceof JobFileError ? fault.faults.flatMap(({ lookedFor = [] }) => lookedFor) : []
}
