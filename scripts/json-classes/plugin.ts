/** The module for the `--transform` of the plain compiler, which needs a default export. */
export { JsonClasses as default } from './transform.ts'
