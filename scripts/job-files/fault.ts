/** One thing that is wrong with the files that were given. */
export interface JobFileFault {
  readonly file: string
  /** From 1, where the place in the file is known; so is the column. */
  readonly line?: number
  readonly column?: number
  /** Where in the document, such as spec.events[0].name. */
  readonly path?: string
  readonly message: string
}

/** Everything that is wrong with the files, one line each: file, line, path, and what to do. */
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
