/**
 * Patterns of names: `*` stands for any characters, also for none; everything else for itself.
 * @module
 */

/** True for names that one of the patterns describes. Cost: linear in a name for each piece of a pattern. */
export function matching(patterns: readonly string[]): (name: string) => boolean {
  const split = patterns.map((pattern) => pattern.split('*'))
  return (name) => split.some((pieces) => fits(name, pieces))
}

/** The pieces one behind the other, each as far to the left as it can stand: if that does not fit, nothing does. */
function fits(name: string, [first, ...rest]: readonly string[]): boolean {
  const last = rest.pop()
  if (last === undefined) return name === first
  if (!name.startsWith(first)) return false
  let at = first.length
  for (const piece of rest) {
    const found = name.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return name.length - last.length >= at && name.endsWith(last)
}
