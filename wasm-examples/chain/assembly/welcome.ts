import { Json, parseEvent } from 'jobico'

export function handle(text: string): string | null {
  const account = parseEvent(text).data
  const greeting = greetingIn(account.string('language'))
  return Json.object()
    .set('to', account.string('to'))
    .set('subject', greeting)
    .set('text', `${greeting}, ${account.string('firstName')}! 👋`)
    .toString()
}

function greetingIn(language: string): string {
  if (language == 'de') return 'Willkommen'
  if (language == 'es') return 'Te damos la bienvenida'
  return 'Welcome'
}
