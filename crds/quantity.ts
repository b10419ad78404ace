const units: Readonly<Record<string, number | undefined>> = { Mi: 2 ** 20, Gi: 2 ** 30 }

/** The bytes of a quantity as a Job has it, such as 64Mi or 1Gi; throws a RangeError on anything else. */
export function parseQuantity(text: string): number {
  const [, count, unit = ''] = /^(\d{1,7})(Mi|Gi)$/.exec(text) ?? []
  const bytes = Number(count) * (units[unit] ?? NaN)
  if (Number.isNaN(bytes)) throw new RangeError(`${text} is no whole number of Mi or Gi, such as 64Mi`)
  return bytes
}
