/**
 * Gradients of products: matrix products again, so every sum goes in blocks of 512 (docs/numerics.md, products). The gradient of
 * weights sums over samples, then positions, in index order.
 * @module
 */
import { sizeOf } from '../../core/tensor.js'
import type { Builder, Ref } from '../../exact/builder.js'
import {
  matrixFrom,
  padded,
  placesOf,
  reversed,
  seenBy,
  spread,
  unbroadcast,
  type Rule,
  type Sliding,
} from '../rule.js'

const swapped = (b: Builder, x: Ref) =>
  b.transpose(
    x,
    x.dims.map((_, i, { length }) => (i < length - 2 ? i : 2 * length - 3 - i)),
  )

/** One matrix for all products of a batch: its gradient is one product over all rows of the batch. */
function sharedGradient(b: Builder, x: Ref, grad: Ref): Ref {
  const rows = (y: Ref) => matrixFrom(b, y, y.dims.length - 1)
  return b.matmul(swapped(b, rows(x)), rows(grad))
}

const matmul: Rule = (b, { inputs: [x, w], grad }) => {
  const shared = w.dims.length === 2 && x.dims.length === grad.dims.length
  return [
    unbroadcast(b, b.matmul(grad, swapped(b, w)), x.dims),
    shared ? sharedGradient(b, x, grad) : unbroadcast(b, b.matmul(swapped(b, x), grad), w.dims),
  ]
}

// ---------------------------------------------------------------- Conv

interface ConvAttributes {
  readonly group: number
  readonly strides: readonly number[]
  readonly pads: readonly number[]
  readonly dilations: readonly number[]
}

/** Weights [groups * M, C, ...] as those of the convolution that goes back: [groups * C, M, ...], taps reversed. */
function backward(b: Builder, w: Ref, group: number): Ref {
  const [outs, channels, ...kernel] = w.dims
  const grouped = b.reshape(w, [group, outs / group, channels, ...kernel])
  const turned = b.transpose(grouped, [0, 2, 1, ...kernel.map((_, i) => 3 + i)])
  return kernel.reduce(
    (y, _, i) => reversed(b, y, 2 + i),
    b.reshape(turned, [group * channels, outs / group, ...kernel]),
  )
}

/** The input's gradient: the arriving one with zeros between its elements, convolved with the reversed weights. */
function inputGradient(b: Builder, { x, w, grad }: { x: Ref; w: Ref; grad: Ref }, attributes: ConvAttributes): Ref {
  const { group, strides, pads, dilations } = attributes
  const kernel = w.dims.slice(2)
  const apart = strides.reduce((g, stride, i) => spread(b, g, { axis: 2 + i, gap: stride - 1 }), grad)
  const reach = kernel.map((size, i) => dilations[i] * (size - 1) + 1)
  const begin = reach.map((r, i) => r - 1 - pads[i])
  const end = reach.map((r, i) => x.dims[2 + i] + r - 1 - apart.dims[2 + i] - begin[i])
  // Pads wider than the reach give outputs that see padding alone: they are cut off.
  const cut = apart.dims.slice(2).reduce((g, size, i) => {
    const [start, stop] = [Math.max(0, -begin[i]), size - Math.max(0, -end[i])]
    return b.slice(g, 2 + i, { start, end: stop })
  }, apart)
  return b.op('Conv', [cut, backward(b, w, group)], {
    group,
    strides: strides.map(() => 1),
    pads: [...begin, ...end].map((pad) => Math.max(0, pad)),
    dilations,
  })
}

/** What every tap of the kernel sees, samples behind channels: [channels, taps, samples * area]. */
function patches(
  b: Builder,
  x: Ref,
  { kernel, pads, sliding }: { kernel: readonly number[]; pads: readonly number[]; sliding: Sliding },
): Ref {
  const rank = kernel.length
  const turned = b.transpose(x, [1, 0, ...kernel.map((_, i) => 2 + i)])
  const wide = padded(b, turned, [0, 0, ...pads.slice(0, rank), 0, 0, ...pads.slice(rank)])
  const shape = [x.dims[1], 1, x.dims[0] * sizeOf(sliding.out)]
  const taps = placesOf(kernel).map((tap) => b.reshape(seenBy(b, wide, { tap, sliding }), shape))
  return b.concat(taps, 1)
}

/** The weights' gradient: for every group a product of the patches with the arriving gradient, over samples and positions. */
function weightGradient(b: Builder, { x, w, grad }: { x: Ref; w: Ref; grad: Ref }, attributes: ConvAttributes): Ref {
  const { group, strides, pads, dilations } = attributes
  const [samples, outs, ...out] = grad.dims
  const kernel = w.dims.slice(2)
  const [area, rows, columns] = [sizeOf(out), sizeOf(w.dims.slice(1)), outs / group]
  const seen = patches(b, x, { kernel, pads, sliding: { strides, dilations, out } })
  const arriving = b.transpose(b.reshape(grad, [samples, group, columns, area]), [1, 0, 3, 2])
  const product = b.matmul(
    b.reshape(seen, [group, rows, samples * area]),
    b.reshape(arriving, [group, samples * area, columns]),
  )
  return b.reshape(b.transpose(product, [0, 2, 1]), w.dims)
}

const conv: Rule = (b, { inputs: [x, w], attributes, grad }) => {
  if (sizeOf(grad.dims) === 0) return [undefined, undefined]
  const at = { x, w, grad }
  const own = attributes as unknown as ConvAttributes
  return [inputGradient(b, at, own), weightGradient(b, at, own)]
}

/** By name of the op. */
export const PRODUCT_RULES: Readonly<Record<string, Rule>> = { MatMul: matmul, Conv: conv }
