import { Json, env, log, parseEvent, reject } from 'jobico'

export function handle(text: string): string | null {
  const signup = parseEvent(text).data
  const address = signup.string('email').trim().toLowerCase()
  const domain = address.substring(address.lastIndexOf('@') + 1)
  if (isBlocked(domain)) return reject(`No accounts for addresses at ${domain}`)

  log.info(`New account at ${domain}`)
  return Json.object()
    .set('to', address)
    .set('firstName', signup.string('name').trim().split(' ')[0])
    .set('language', signup.has('language') ? signup.string('language') : 'en')
    .toString()
}

function isBlocked(domain: string): bool {
  const blocked = env('BLOCKED_DOMAINS')
  return blocked !== null && blocked.split(',').includes(domain)
}
