/**
 * Einsum: operands contracted from left to right, each contraction one matrix product.
 * @module
 */
import { demand } from '../../core/faults.js'
import { isFloat, sizeOf } from '../../core/tensor.js'
import type { Builder, Ref } from '../builder.js'
import { broadcastDims } from '../ops/broadcast.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { matrixProduct } from './conv.js'

/** A value whose axes have names. */
interface Named {
  readonly ref: Ref
  readonly axes: readonly string[]
}

/** Letters and, where a term has an ellipsis, its unnamed axes counted from the back: '.0' is the last. */
function axesOf(term: string, rank: number | undefined): string[] {
  demand(/^[A-Za-z]*(\.\.\.[A-Za-z]*)?$/.test(term), 'onnx/bad-node', () => `Einsum term "${term}"`)
  const [before, after] = term.split('...')
  if (after === undefined) return [...before]
  const unnamed = (rank ?? 0) - before.length - after.length
  demand(unnamed >= 0, 'onnx/bad-node', () => `Einsum term "${term}" for rank ${rank}`)
  return [...before, ...Array.from({ length: unnamed }, (_, i) => `.${unnamed - 1 - i}`), ...after]
}

/** The equation as names of the axes of operands and result. */
function parse(equation: string, operands: readonly Ref[]): { inputs: string[][]; output: string[] } {
  const [left, right, ...rest] = equation.replaceAll(' ', '').split('->')
  const terms = left.split(',')
  demand(
    rest.length === 0 && terms.length === operands.length,
    'onnx/bad-node',
    () => `Einsum "${equation}" of ${operands.length} operands`,
  )
  const inputs = terms.map((term, i) => axesOf(term, operands[i].dims.length))
  inputs.forEach((axes, i) =>
    demand(
      axes.length === operands[i].dims.length,
      'onnx/bad-node',
      () => `Einsum term "${terms[i]}" for [${operands[i].dims}]`,
    ),
  )
  const unnamed = [...new Set(inputs.flat())].filter((axis) => axis.startsWith('.')).sort((a, c) => (a < c ? 1 : -1))
  if (right === undefined) return { inputs, output: [...unnamed, ...implicit(inputs)] }
  const named = axesOf(right, right.replace('...', '').length + unnamed.length)
  demand(
    new Set(named).size === named.length && named.every((axis) => inputs.flat().includes(axis)),
    'onnx/bad-node',
    () => `Einsum output "${right}"`,
  )
  return { inputs, output: named }
}

/** Without an arrow the result has the letters that stand once, in alphabetical order. */
function implicit(inputs: readonly (readonly string[])[]): string[] {
  const all = inputs.flat().filter((axis) => !axis.startsWith('.'))
  return all.filter((axis) => all.indexOf(axis) === all.lastIndexOf(axis)).sort()
}

/** The diagonal over two axes of one name: every n+1st element of the n x n matrices. */
function diagonal(b: Builder, { ref, axes }: Named): Named {
  const second = axes.findIndex((axis, i) => axes.indexOf(axis) < i)
  if (second < 0) return { ref, axes }
  const first = axes.indexOf(axes[second])
  const n = ref.dims[first]
  demand(ref.dims[second] === n, 'exact/shape-mismatch', () => `Einsum diagonal of [${ref.dims}]`)
  const kept = axes.map((_, i) => i).filter((i) => i !== first && i !== second)
  const dims = kept.map((i) => ref.dims[i])
  const flat = b.reshape(b.transpose(ref, [...kept, first, second]), [...dims, n * n])
  const taken = b.slice(flat, kept.length, { start: 0, end: n * n, step: n + 1 })
  return diagonal(b, { ref: taken, axes: [...kept.map((i) => axes[i]), axes[first]] })
}

/** Sums an integer or float value over the axes that nothing needs any more. */
function summed(b: Builder, { ref, axes }: Named, needed: ReadonlySet<string>): Named {
  const gone = axes.map((_, i) => i).filter((i) => !needed.has(axes[i]))
  if (gone.length === 0) return { ref, axes }
  const wide = isFloat(ref.dtype) ? ref : b.cast(ref, 'int64')
  const kept = axes.filter((axis) => needed.has(axis))
  const dims = ref.dims.filter((_, i) => needed.has(axes[i]))
  return { ref: b.cast(b.reshape(b.reduce('ReduceSum', wide, gone), dims), ref.dtype), axes: kept }
}

/** The value with these axes in this order; axes that it lacks have size 1. */
function aligned(b: Builder, { ref, axes }: Named, wanted: readonly string[]): Ref {
  const present = wanted.filter((axis) => axes.includes(axis))
  const ordered = b.transpose(
    ref,
    present.map((axis) => axes.indexOf(axis)),
  )
  const dims = wanted.map((axis) => (axes.includes(axis) ? ref.dims[axes.indexOf(axis)] : 1))
  return b.reshape(ordered, dims)
}

/** The product of two values, summed over the axes that nothing needs any more. */
function contract(b: Builder, [left, right]: readonly [Named, Named], needed: ReadonlySet<string>): Named {
  const own = (value: Named, other: Named) => summed(b, value, new Set([...needed, ...other.axes]))
  const [x, y] = [own(left, right), own(right, left)]
  const both = x.axes.filter((axis) => y.axes.includes(axis))
  const inner = both.filter((axis) => !needed.has(axis))
  const batch = both.filter((axis) => needed.has(axis))
  const [rows, columns] = [x, y].map((value) => value.axes.filter((axis) => !both.includes(axis)))
  const axes = [...batch, ...rows, ...columns]
  if (inner.length === 0) return { ref: b.mul(aligned(b, x, axes), aligned(b, y, axes)), axes }
  const size = (axis: string) => broadcastDims([sizeAt(x, axis)], [sizeAt(y, axis)])[0]
  const sizes = (names: readonly string[]) => names.map(size)
  const operand = (value: Named, names: readonly string[], split: readonly (readonly string[])[]) =>
    b.reshape(b.expand(aligned(b, value, names), sizes(names)), [
      ...sizes(batch),
      ...split.map((part) => sizeOf(sizes(part))),
    ])
  const product = matrixProduct(
    b,
    operand(x, [...batch, ...rows, ...inner], [rows, inner]),
    operand(y, [...batch, ...inner, ...columns], [inner, columns]),
  )
  return { ref: b.reshape(product, sizes(axes)), axes }
}

/** Size of a named axis, 1 for what the value lacks. */
function sizeAt({ ref, axes }: Named, axis: string): number {
  const at = axes.indexOf(axis)
  return at < 0 ? 1 : ref.dims[at]
}

function einsum(b: Builder, node: NodeView): Ref[] {
  const operands = Array.from({ length: node.inputCount }, (_, i) => node.input(i))
  const { inputs, output } = parse(node.string('equation'), operands)
  const values = operands.map((ref, i) => diagonal(b, { ref, axes: inputs[i] }))
  const neededAfter = (i: number) => new Set([...output, ...values.slice(i + 1).flatMap(({ axes }) => axes)])
  const [first, ...others] = values
  const product = others.reduce((left, right, i) => contract(b, [left, right], neededAfter(i + 1)), first)
  const result = summed(b, product, new Set(output))
  return [aligned(b, result, output)]
}

/** Einsum. */
export const EINSUM: readonly OperatorRow[] = [operator('Einsum', 12, einsum)]
