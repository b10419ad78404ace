import { run } from './guest'

export function handle(text: string): string | null {
  return run('v1', text)
}
