/**
 * How messages show names, which come from strangers.
 * @module
 */

/** JSON's quotes around at most 80 characters, with everything escaped that could move a cursor or hide text. */
export function quoted(name: string): string {
  return visible(JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}...` : name))
}

/** The text with its invisible characters escaped. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}

// Control, format (bidirectional marks, zero width), private, unassigned and separator characters, save the plain space.
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu

/** How messages call a node: by its operator, and by its name where it has one. */
export function labelOf({ op, name }: { readonly op: string; readonly name: string }): string {
  return name === '' ? visible(op) : `${visible(op)} ${quoted(name)}`
}
