export { CloudEvent, parseEvent } from './event'
export { env, log, reject, retry } from './host'
export { Json, JsonKind } from './json'
