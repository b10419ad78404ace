/** A time as Kubernetes writes it where it wants microseconds. */
export function microTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z')
}
