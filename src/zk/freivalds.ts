/**
 * Products of wires by wires: product by product, or guessed and shown by Freivalds' check where that is cheaper.
 *
 * The challenge is Poseidon over roots of both operands and of the product, recomputed from the same wires. For the roots to bind, every
 * element must be bounded by constraints of its own, not by what interval analysis says of an honest run: that is `Form.enforced`.
 * @module
 */
import { utf8 } from '../core/bytes.js'
import { bitsOf, type Interval } from '../quantize/index.js'
import { shortHash } from './commit.js'
import { NODE_COST, streamCost, type Draft, type Form, type Product } from './draft.js'
import { CAPACITY } from './field.js'
import { pair, rootOf, type Packing } from './roots.js'

const TAG = shortHash(utf8('countersign product 1'))

const naiveCost = ({ m, k, n }: Product) => m * k * n

/** What the check costs, from above: `cut` says that the product's bits are taken anyway. */
function checkCost(draft: Draft, product: Product, { lo, hi, cut }: Interval & { cut: boolean }): number {
  const { m, k, n, sources } = product
  const width = bitsOf({ lo, hi }) + 2
  const hashed = sources.reduce((sum, form) => sum + sourceCost(draft, form), 0)
  const bits = cut ? 0 : m * n * width
  return k * (n - 1) + m * k + m * (n - 1) + formCost(m * n, width) + hashed + 2 * NODE_COST + bits
}

/** What the root of a factor costs, and its bits where nothing else bounds it. */
function sourceCost(draft: Draft, form: Form): number {
  if (form.rooted) return 0
  const known = draft.shown(form)
  const width = known === undefined ? bitsOf(form) : widthOf(known)
  return formCost(form.size, width) + (known === undefined ? form.size * width : 0)
}

const widthOf = ({ lo, hi }: Interval): number => Math.max(1, (hi - lo).toString(2).length)

const formCost = (size: number, width: number): number => {
  const packed = Math.ceil(size / Math.floor(CAPACITY / Math.max(1, width)))
  return packed + streamCost(packed)
}

/** The product of two matrices of wires, as wires or expressions; `cut`: its bits will be taken. */
export function productOf(draft: Draft, product: Product, bound: Interval & { cut: boolean }): Form {
  const { m, k, n, a, b } = product
  const shape = { size: m * n, lo: bound.lo, hi: bound.hi }
  if (checkCost(draft, product, bound) >= naiveCost(product)) {
    const made = draft.linear('MatrixProduct', { B: 1, m, k, n }, { a: a.name, b: b.name })
    return { ...shape, terms: k, name: made.name('out') }
  }
  const name = draft.use('ProductHint', { m, k, n }, { a: a.name, b: b.name }).name('y')
  const y: Form = { ...shape, terms: 1, name, sum: { of: name, lo: 0n, hi: 0n } }
  draft.guesses.push({ ...product, y })
  return y
}

/** Writes the checks of all guesses. `roots` holds the roots that stand already, by the names of their forms. */
export function settle(draft: Draft, roots: Map<string, string>): void {
  for (const { m, k, n, a, b, y, sources } of draft.guesses) {
    const known = (form: Form) =>
      roots.get(form.name) ?? remember(roots, form, rootOf(draft, form, packing(draft, form)))
    const challenge = draft.fresh('challenge')
    const [left, right] = sources.map(known)
    draft.emit(`    var ${challenge}[1] = [${pair(draft, pair(draft, left, right), known(y))}];`)
    draft.use('Freivalds', { m, k, n }, { challenge, a: a.name, b: b.name, y: y.name })
  }
}

function remember(roots: Map<string, string>, { name }: Form, root: string): string {
  roots.set(name, root)
  return root
}

/** A packing that is injective, whatever the prover chose: its width follows from constraints on the form itself. */
function packing(draft: Draft, form: Form): Packing {
  const known = draft.shown(form) ?? draft.enforcedBySum(form) ?? draft.enforce(form)
  const [width, { lo }] = [widthOf(known), known]
  return { width, offset: -lo, perElement: Math.floor(CAPACITY / width), tag: TAG, shape: 'leaves' }
}
