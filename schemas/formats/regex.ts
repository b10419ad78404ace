/** Whether a text has the format `regex`: a regular expression of ECMA-262 with the flag `u`, as those of schemas are. */
export function isRegex(text: string): boolean {
  try {
    new RegExp(text, 'u')
    return true
  } catch {
    return false
  }
}
