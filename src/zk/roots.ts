/**
 * Roots in a circuit: the packing of forms, and Poseidon over it.
 * @module
 */
import { offsetOf, perElement, tagOf, type Layout, type Shape } from './commit.js'
import { NODE_COST, literal, type Draft, type Form } from './draft.js'

/** How a stream is packed and tagged. */
export interface Packing {
  readonly width: number
  readonly offset: bigint
  readonly perElement: number
  readonly tag: bigint
  readonly shape: Shape
  /** Identifier of the salt, where there is one. */
  readonly salt?: string
}

/** The packing that a layout says. */
export function packingOf(layout: Layout, salt: string): Packing {
  const { width, salted, shape } = layout
  const packing = { width, offset: offsetOf(layout), perElement: perElement(layout), tag: tagOf(layout), shape }
  return salted ? { ...packing, salt } : packing
}

/** The root of a form, as an expression of one wire. Trusts every element to lie in -offset .. 2^width - offset - 1. */
export function rootOf(draft: Draft, form: Form, packing: Packing): string {
  const { width, offset, perElement: step, tag, salt, shape } = packing
  const stream = draft.fresh('e')
  const first = salt === undefined ? 0 : 1
  const size = Math.max(1, Math.ceil(form.size / step) + first)
  draft.emit(`    var ${stream}[${size}];`)
  if (salt !== undefined) draft.emit(`    ${stream}[0] = ${salt};`)
  const place = `${stream}[${first} + i \\ ${step}]`
  const shifted = `(${form.name}[i] + ${literal(offset)}) * (1 << (${width} * (i % ${step})))`
  draft.emit(`    for (var i = 0; i < ${form.size}; i++) { ${place} += ${shifted}; }`)
  draft.constraints += packingRows(form, packing)
  if (shape === 'packed') return wireOf(draft, `${stream}[0]`)
  const block = shape === 'chain' ? 'ChainRoot' : 'StreamRoot'
  return draft.linear(block, { E: size, tag: String(tag) }, { in: stream }).name('out') + '[0]'
}

/** An expression whose row is counted elsewhere, as a wire. */
function wireOf(draft: Draft, expression: string): string {
  const root = draft.fresh('root')
  draft.emit(`    signal ${root};`, `    ${root} <== ${expression};`)
  return root
}

/** Rows of a packing: one for every field element that is more than one wire. */
function packingRows({ size, terms }: Form, { offset, perElement: step }: Packing): number {
  const packed = Math.ceil(size / step)
  if (offset !== 0n || terms > 1) return packed
  return step === 1 ? 0 : size % step === 1 ? packed - 1 : packed
}

/** Poseidon of two expressions. */
export function pair(draft: Draft, left: string, right: string): string {
  const node = draft.fresh('h')
  draft.emit(`    component ${node} = Poseidon(2, 57);`)
  draft.emit(`    ${node}.in[0] <== ${left};`, `    ${node}.in[1] <== ${right};`)
  draft.constraints += NODE_COST
  return `${node}.out`
}

/** The root above some roots, as `fold` in commit.ts; 0 above none. */
export function foldRoots(draft: Draft, roots: readonly string[]): string {
  let level = [...roots]
  while (level.length > 1)
    level = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) =>
      2 * i + 1 < level.length ? pair(draft, level[2 * i], level[2 * i + 1]) : level[2 * i],
    )
  return level[0] ?? '0'
}
