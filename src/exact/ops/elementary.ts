/**
 * The elementary functions as exact ops: correctly rounded in binary32 for every input, zeros positive. Each is written once in
 * `elementary/`; here it is interpreted on numbers (the definition) and as ONNX nodes in binary64 (the lowering).
 * @module
 */
import { sizeOf } from '../../core/tensor.js'
import { demand } from '../../core/faults.js'
import { ELEMENTARY, evaluate, evaluatePow, type Arithmetic, type ElementaryName } from '../elementary/index.js'
import { pow } from '../elementary/power.js'
import type { Emitter } from '../emitter.js'
import type { ExactOp } from '../op.js'
import { broadcastDims, broadcastMap } from './broadcast.js'

/** The interpreter that emits ONNX nodes; values are the names of binary64 tensors. */
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
    where: g.where,
    gather: (table, index) => {
      const values = g.share(`table ${table.name}`, () =>
        g.constant({ dtype: 'float64', dims: [table.values.length], data: table.values }),
      )
      return g.gather(
        values,
        g.share(`index ${index}`, () => g.cast(index, 'int64')),
        0,
      )
    },
    highBits: (a, shift) => {
      const bits = g.node('BitShift', [g.bitCast(a, 'uint64'), g.scalar('uint64', shift)], { direction: 'RIGHT' })
      return g.cast(g.cast(bits, 'int64'), 'float64')
    },
  }
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
    infer([x]) {
      demand(x.dtype === 'float32', 'exact/unsupported-type', () => `${name} of ${x.dtype}`)
      return x
    },
    evaluate([x], _attributes, output) {
      const out = new Float32Array(sizeOf(output.dims))
      for (let i = 0; i < out.length; i++) out[i] = evaluate(name, x.data[i] as number)
      return out
    },
    lower(g, [x]) {
      const result = ELEMENTARY[name](nodesOf(g), g.cast(x, 'float64'))
      return g.plusZero(g.cast(result, 'float32'), 'float32')
    },
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
  infer([x, y]) {
    demand(
      x.dtype === 'float32' && y.dtype === 'float32',
      'exact/unsupported-type',
      () => `Pow of ${x.dtype} and ${y.dtype}`,
    )
    return { dtype: 'float32', dims: broadcastDims(x.dims, y.dims) }
  },
  evaluate([x, y], _attributes, output) {
    const out = new Float32Array(sizeOf(output.dims))
    const [mapX, mapY] = [broadcastMap(x.dims, output.dims), broadcastMap(y.dims, output.dims)]
    for (let i = 0; i < out.length; i++)
      out[i] = evaluatePow(x.data[mapX?.[i] ?? i] as number, y.data[mapY?.[i] ?? i] as number)
    return out
  },
  lower(g, [x, y]) {
    const result = pow(nodesOf(g), g.cast(x, 'float64'), g.cast(y, 'float64'))
    return g.plusZero(g.cast(result, 'float32'), 'float32')
  },
  referee: 'elementary',
  source: 'ONNX Pow by a fixed sequence of binary64 operations; docs/numerics.md, elementary functions',
}

/** The rows of the elementary functions and of Pow. */
export const ELEMENTARY_OPS: readonly ExactOp[] = [...(Object.keys(NUMBERS) as ElementaryName[]).map(elementary), POW]
