/** A time in the MicroTime format of Kubernetes, which has six decimals of a second. */
export function microTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z')
}
