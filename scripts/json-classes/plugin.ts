/** What the plain compiler takes as `--transform`. It wants a default export. */
export { JsonClasses as default } from './transform.ts'
