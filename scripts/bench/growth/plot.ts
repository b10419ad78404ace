import type { Growth } from './results.ts'

export function plotOf(_growth: Growth): string {
  return ''
}
