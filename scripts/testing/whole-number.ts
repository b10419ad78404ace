/** Reads the number of an option of a command. Throws an Error that names the option and its bounds for anything else. */
export function wholeNumber(
  option: string,
  text: string,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN
  if (value >= min && value <= max) return value
  throw new Error(`${option} is "${text}"; it must be a whole number from ${min} to ${max}`)
}
