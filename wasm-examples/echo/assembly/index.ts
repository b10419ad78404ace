import { log, parseEvent } from 'jobico'

export function handle(text: string): string | null {
  const event = parseEvent(text)
  log.info(`Got event ${event.id}`)
  return event.dataText
}
