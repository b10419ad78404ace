/** One fault of a file. */
export interface JobFileFault {
  readonly file: string
  /** From 1, as is the column; both are missing if the place is not known. */
  readonly line?: number
  readonly column?: number
  /** The place in the document, such as spec.events[0].name. */
  readonly path?: string
  readonly message: string
  /** Files that are missing: one that is made there may mend the fault. */
  readonly lookedFor?: readonly string[]
}

/** All faults of the files. The message has one line for each: file, line, path, and what to do. */
export class JobFileError extends Error {
  readonly faults: readonly JobFileFault[]

  constructor(faults: readonly JobFileFault[]) {
    super(faults.map(faultLine).join('\n'))
    this.name = 'JobFileError'
    this.faults = faults
  }
}

function faultLine({ file, line, path, message }: JobFileFault): string {
  const place = line === undefined ? file : `${file}:${line}`
  return [place, ...(path ? [path] : []), message].join(': ')
}
