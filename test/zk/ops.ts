/**
 * Little programs, one for each kind of op that has a circuit, with the intervals of their inputs.
 */
import { tensor, type DType } from '../../src/core/tensor.js'
import { Builder, type Ref } from '../../src/exact/builder.js'
import type { Program } from '../../src/exact/program.js'
import type { Interval } from '../../src/quantize/index.js'

export interface Little {
  readonly program: Program
  readonly given: Readonly<Record<string, Interval>>
}

const range = (lo: number, hi: number): Interval => ({ lo: BigInt(lo), hi: BigInt(hi) })

/** A builder of int64 inputs and the idioms of integer programs. */
class Sketch {
  readonly b = new Builder()
  readonly given: Record<string, Interval> = {}

  input(name: string, dims: readonly number[], interval: Interval, dtype: DType = 'int64'): Ref {
    this.given[name] = interval
    return this.b.input(name, { dtype, dims })
  }

  int = (value: number): Ref => this.b.scalar('int64', value)

  round(x: Ref, shift: number): Ref {
    const raised = this.b.add(x, this.int(2 ** (shift - 1)))
    const unit = this.int(2 ** shift)
    return this.b.div(this.b.sub(raised, this.b.op('Mod', [raised, unit])), unit)
  }

  clamp = (x: Ref, lo: number, hi: number): Ref => this.b.min(this.b.max(x, this.int(lo)), this.int(hi))

  product = (op: string, x: Ref, w: Ref, attributes = {}): Ref =>
    this.b.cast(this.b.op(op, [this.b.cast(x, 'float64'), this.b.cast(w, 'float64')], attributes), 'int64')

  weights(dims: readonly number[]): Ref {
    const size = dims.reduce((a, b) => a * b, 1)
    const values = Array.from({ length: size }, (_, i) => BigInt(((i * 37 + 11) % 31) - 15))
    return this.b.constant(tensor('int64', dims, values))
  }

  finish(...outputs: readonly Ref[]): Little {
    const named = outputs.map((ref, i): [string, Ref] => [`y${i}`, ref])
    return { program: this.b.finish({ outputs: named }).program, given: this.given }
  }
}

const WIDE = range(-2048, 2047)
const CONV = { group: 1, strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] }

/** By the name of what they show; `n` is the number of elements where the op is elementwise. */
export const LITTLE: Readonly<Record<string, (n: number) => Little>> = {
  'bits with offset': (n) => {
    const s = new Sketch()
    return s.finish(s.b.op('Mod', [s.input('x', [n], WIDE), s.int(16)]))
  },
  requantize: (n) => {
    const s = new Sketch()
    return s.finish(s.round(s.input('x', [n], WIDE), 4))
  },
  'requantize with ReLU': (n) => {
    const s = new Sketch()
    return s.finish(s.b.max(s.round(s.input('x', [n], WIDE), 4), s.int(0)))
  },
  'requantize with ReLU and clamp': (n) => {
    const s = new Sketch()
    return s.finish(s.clamp(s.round(s.input('x', [n], WIDE), 3), 0, 63))
  },
  'ReLU and clamp, the ReLU read twice': (n) => {
    const s = new Sketch()
    const relu = s.b.max(s.round(s.input('x', [n], WIDE), 3), s.int(0))
    return s.finish(relu, s.b.min(relu, s.int(31)))
  },
  'clamp on both sides': (n) => {
    const s = new Sketch()
    return s.finish(s.clamp(s.round(s.input('x', [n], WIDE), 3), -64, 63))
  },
  'clamp from above first': (n) => {
    const s = new Sketch()
    return s.finish(s.b.max(s.b.min(s.round(s.input('x', [n], WIDE), 3), s.int(63)), s.int(-128)))
  },
  'clamp of numbers that are not negative': (n) => {
    const s = new Sketch()
    return s.finish(s.b.min(s.b.div(s.input('x', [n], range(0, 1023)), s.int(4)), s.int(127)))
  },
  'clamp at bounds that are no powers of two': (n) => {
    const s = new Sketch()
    return s.finish(s.clamp(s.input('x', [n], WIDE), -100, 99))
  },
  'max and min of two': (n) => {
    const s = new Sketch()
    const [a, b] = [s.input('a', [n], WIDE), s.input('b', [1], range(-8, 7))]
    return s.finish(s.b.max(a, b), s.b.min(a, b))
  },
  'add, subtract, negate, multiply, absolute': (n) => {
    const s = new Sketch()
    const [a, b] = [s.input('a', [n], WIDE), s.input('b', [n], range(-8, 7))]
    const sum = s.b.add(s.b.mul(a, b), s.b.mul(b, s.int(-5)))
    return s.finish(s.b.sub(sum, a), s.b.neg(b), s.b.abs(a))
  },
  'comparisons, logic and selection': (n) => {
    const s = new Sketch()
    const [a, b] = [s.input('a', [n], range(-4, 3)), s.input('b', [n], range(-4, 3))]
    const [less, equal, sign] = [s.b.less(a, b), s.b.equal(a, b), s.b.less(a, s.int(0))]
    const logic = s.b.or(s.b.and(less, s.b.not(sign)), s.b.and(equal, sign))
    return s.finish(s.b.where(less, a, b), logic, s.b.cast(s.b.cast(a, 'bool'), 'int64'), s.b.cast(sign, 'int64'))
  },
  'largest and smallest of groups': () => {
    const s = new Sketch()
    const x = s.input('x', [3, 4], range(-4, 3))
    return s.finish(s.b.op('ReduceMax', [x], { axes: 1 }), s.b.op('ReduceMin', [x], { axes: 1 }))
  },
  'max pool': () => {
    const s = new Sketch()
    const x = s.input('x', [1, 1, 4, 4], range(-128, 127), 'int8')
    const pool = { kernel: [2, 2], strides: [2, 2], pads: [0, 0, 1, 1], dilations: [1, 1] }
    return s.finish(s.b.cast(s.b.op('MaxPool', [s.b.cast(x, 'float32')], pool), 'int64'))
  },
  'place of the largest, lowest index first': () => {
    const s = new Sketch()
    const x = s.input('x', [2, 4, 2], range(-2, 1))
    const two = s.input('two', [2, 2], range(-2, 1))
    return s.finish(
      s.b.op('ArgMax', [x], { axis: 1 }),
      s.b.op('ArgMin', [x], { axis: 2 }),
      s.b.op('ArgMax', [two], { axis: 1 }),
    )
  },
  'average pool': () => {
    const s = new Sketch()
    const x = s.input('x', [1, 4, 4], range(0, 127))
    const cut = s.b.transpose(s.b.reshape(x, [1, 2, 2, 2, 2]), [0, 1, 3, 2, 4])
    return s.finish(s.round(s.b.op('ReduceSum', [cut], { axes: 2 }), 2))
  },
  'dense, baked': () => {
    const s = new Sketch()
    const x = s.input('x', [2, 5], range(-128, 127), 'int8')
    return s.finish(s.product('MatMul', x, s.weights([5, 3])), s.product('MatMul', s.weights([4, 2]), x))
  },
  'convolution, baked': () => {
    const s = new Sketch()
    const x = s.input('x', [1, 2, 5, 5], range(-128, 127), 'int8')
    const strided = { group: 2, strides: [2, 1], pads: [1, 0, 0, 1], dilations: [1, 2] }
    const line = s.b.reshape(x, [1, 2, 25])
    return s.finish(
      s.product('Conv', x, s.weights([3, 2, 3, 3]), CONV),
      s.product('Conv', x, s.weights([4, 1, 2, 2]), strided),
      s.product('Conv', line, s.weights([1, 2, 5]), { group: 1, strides: [3], pads: [2, 1], dilations: [1] }),
    )
  },
  'dense and convolution of wires': () => {
    const s = new Sketch()
    const [x, w] = [s.input('x', [2, 3], range(-128, 127), 'int8'), s.input('w', [3, 2], range(-8, 7))]
    const [image, kernel] = [s.input('i', [1, 1, 3, 3], range(-8, 7)), s.input('k', [2, 1, 2, 2], range(-8, 7))]
    const batch = s.b.reshape(s.b.concat([x, x], 0), [2, 2, 3])
    return s.finish(
      s.product('MatMul', x, w),
      s.product('Conv', image, kernel, { ...CONV, pads: [0, 0, 1, 0] }),
      s.product('MatMul', batch, w),
    )
  },
  'moved elements': () => {
    const s = new Sketch()
    const x = s.input('x', [2, 3], range(-8, 7))
    const turned = s.b.transpose(x, [1, 0])
    const padded = s.b.op('Pad', [turned, s.int(5)], { pads: [1, 0, 0, 2] })
    const cut = s.b.op('Slice', [padded], { starts: [3, 0], ends: [-1, 3], steps: [-2, 1] })
    const joined = s.b.concat([cut, s.b.expand(s.int(2), [1, 3])], 0)
    const picked = s.b.gather(joined, s.b.ints([2, 0, 0]), 0)
    const each = s.b.op('GatherElements', [x, s.b.constant(tensor('int64', [1, 3], [1n, 0n, 1n]))], { axis: 0 })
    const first = s.b.slice(x, 0, { start: 0, end: 1 })
    return s.finish(s.b.add(picked, first), s.b.neg(each), s.b.add(s.b.expand(first, [2, 3]), x))
  },
  'squared-loss gradient and SGD update': () => {
    const s = new Sketch()
    const [x, t] = [s.input('x', [2, 3], range(-128, 127), 'int8'), s.input('t', [2, 1], range(-128, 127), 'int8')]
    const w = s.input('w', [3, 1], range(-4096, 4095))
    const error = s.b.sub(s.round(s.product('MatMul', x, w), 7), s.b.cast(t, 'int64'))
    return s.finish(s.b.sub(w, s.product('MatMul', s.b.transpose(x, [1, 0]), error)))
  },
}

/** A product large enough for Freivalds' check, its result cut by a bias of wires and a shift. */
export function checkedProduct({ m = 8, k = 64, n = 8 } = {}): Little {
  const s = new Sketch()
  const [x, w] = [s.input('x', [m, k], range(-8, 7)), s.input('w', [k, n], range(-8, 7))]
  const bias = s.input('b', [n], range(-128, 127))
  return s.finish(s.round(s.b.add(s.product('MatMul', x, w), bias), 4))
}
