/**
 * The elementary functions as exact ops: correctly rounded in binary32 for every input, zeros positive. Each is written once in
 * `elementary/`; here it is interpreted on numbers (the definition) and as ONNX nodes in binary64 (the lowering).
 * @module
 */
import { sizeOf } from '../../core/tensor.js'
import { ELEMENTARY, evaluate, evaluatePow, type Arithmetic, type ElementaryName } from '../elementary/index.js'
import { pow } from '../elementary/power.js'
import type { Emitter } from '../emitter.js'
import type { ExactOp } from '../op.js'
import { broadcastDims, broadcastMap } from './broadcast.js'
import { commonType, demandOperands } from './operands.js'

/**
 * Emits a selection. "The constant where x is below it, else x" is Max, and with "above" it is Min: like the other operators of ONNX
 * Runtime they keep a NaN (the exact ops Max and Min are tested for it), and take a third of the time of Less and Where. A constant 0
 * is left out for the sign of -0.
 */
function emitWhere(g: Emitter, condition: string, [a, b]: readonly [string, string]): string {
  const constant = g.initializers.get(a)?.data[0] ?? 0
  const made = Number(constant) === 0 ? undefined : g.nodes.findLast((node) => node.outputs[0] === condition)
  if (made?.op !== 'Less' || !made.inputs.includes(a) || !made.inputs.includes(b)) return g.where(condition, a, b)
  return g.node(made.inputs[0] === b ? 'Max' : 'Min', [b, a])
}

/** The interpreter that emits ONNX nodes; values are the names of binary64 vectors of one length, or of scalars. */
export function nodesOf(g: Emitter): Arithmetic<string, string> {
  const constant = (value: number) =>
    g.share(`f64 ${Object.is(value, -0) ? '-0' : value}`, () => g.scalar('float64', value))
  return {
    constant,
    add: g.add,
    sub: g.sub,
    mul: g.mul,
    div: g.div,
    sqrt: (a) => g.node('Sqrt', [a]),
    neg: (a) => g.node('Neg', [a]),
    abs: g.abs,
    round: (a) => g.node('Round', [a]),
    min: (a, b) => g.node('Min', [a, b]),
    max: (a, b) => g.node('Max', [a, b]),
    less: g.less,
    equal: g.equal,
    isNaN: (a) => g.node('IsNaN', [a]),
    and: g.and,
    or: g.or,
    not: g.not,
    where: (condition, a, b) => emitWhere(g, condition, [a, b]),
    gather: (table, index) => {
      const values = g.share(`table ${table.name}`, () =>
        g.constant({ dtype: 'float64', dims: [table.values.length], data: table.values }),
      )
      const indices = g.share(`index ${index}`, () => g.cast(index, 'int64'))
      // Seven times as fast as Gather, which copies element by element.
      return g.node('GatherElements', [values, indices], { axis: 0 })
    },
    highBits: (a, shift) => {
      const bits = g.node('BitShift', [g.bitCast(a, 'uint64'), g.scalar('uint64', shift)], { direction: 'RIGHT' })
      return g.cast(g.cast(bits, 'int64'), 'float64')
    },
  }
}

/** Elements that go through a function together: binary64 vectors of this length still fit the second-level cache. */
const PIECE = 65536
/** Most pieces of one op: a bound on the size of the lowered model. */
const PIECES = 16

/** Emits f of float32 operands of one size, in pieces, as float32 with positive zeros. */
function emitPieces(
  g: Emitter,
  operands: readonly string[],
  { dims, f }: { dims: readonly number[]; f: (m: Arithmetic<string, string>, operands: string[]) => string },
): string {
  const size = sizeOf(dims)
  const length = Math.max(PIECE, Math.ceil(size / PIECES))
  const flat = operands.map((x) => g.reshape(x, [size]))
  const pieces = Array.from({ length: Math.max(1, Math.ceil(size / length)) }, (_, i) => {
    const cut = (x: string) => (size <= length ? x : g.slice(x, 0, i * length, Math.min(size, (i + 1) * length)))
    const result = f(
      nodesOf(g),
      flat.map((x) => g.cast(cut(x), 'float64')),
    )
    return g.plusZero(g.cast(result, 'float32'), 'float32')
  })
  return g.reshape(g.concat(pieces, 0), dims)
}

/** Numbers of the rows: never reused, so the order of this list is part of the format. */
const NUMBERS: Readonly<Record<ElementaryName, number>> = {
  Exp: 50,
  Expm1: 51,
  Log: 52,
  Log1p: 53,
  Tanh: 54,
  Sigmoid: 55,
  Softplus: 56,
  Erf: 57,
  Sin: 58,
  Cos: 59,
  Tan: 60,
  Asin: 61,
  Acos: 62,
  Atan: 63,
  Sinh: 64,
  Cosh: 65,
  Asinh: 66,
  Acosh: 67,
  Atanh: 68,
}

function elementary(name: ElementaryName): ExactOp {
  return {
    name,
    number: NUMBERS[name],
    attributes: [],
    halves: 'widen',
    dtypes: ['float32'],
    infer(inputs) {
      demandOperands(name, inputs, 1)
      return { dtype: commonType(name, inputs, ['float32']), dims: inputs[0].dims }
    },
    evaluate([x], _attributes, output) {
      const out = new Float32Array(sizeOf(output.dims))
      for (let i = 0; i < out.length; i++) out[i] = evaluate(name, x.data[i] as number)
      return out
    },
    lower: (g, inputs, { output: { dims } }) => emitPieces(g, inputs, { dims, f: (m, [x]) => ELEMENTARY[name](m, x) }),
    referee: 'elementary',
    source: `ONNX ${name}, correctly rounded; docs/numerics.md, elementary functions`,
  }
}

const POW: ExactOp = {
  name: 'Pow',
  number: 70,
  attributes: [],
  halves: 'widen',
  dtypes: ['float32'],
  infer(inputs) {
    demandOperands('Pow', inputs, 2)
    return { dtype: commonType('Pow', inputs, ['float32']), dims: broadcastDims(inputs[0].dims, inputs[1].dims) }
  },
  evaluate([x, y], _attributes, output) {
    const out = new Float32Array(sizeOf(output.dims))
    const [mapX, mapY] = [broadcastMap(x.dims, output.dims), broadcastMap(y.dims, output.dims)]
    for (let i = 0; i < out.length; i++)
      out[i] = evaluatePow(x.data[mapX?.[i] ?? i] as number, y.data[mapY?.[i] ?? i] as number)
    return out
  },
  lower(g, inputs, { inputs: types, output: { dims } }) {
    const spread = inputs.map((input, i) => (sizeOf(types[i].dims) === sizeOf(dims) ? input : g.expand(input, dims)))
    return emitPieces(g, spread, { dims, f: (m, [x, y]) => pow(m, x, y) })
  },
  referee: 'elementary',
  source: 'ONNX Pow by a fixed sequence of binary64 operations; docs/numerics.md, elementary functions',
}

/** The rows of the elementary functions and of Pow. */
export const ELEMENTARY_OPS: readonly ExactOp[] = [...(Object.keys(NUMBERS) as ElementaryName[]).map(elementary), POW]
