/**
 * Random integer programs: ops of the subset joined as they come, those that the interval analysis refuses left out.
 * @module
 */
import { DTYPES, allocate, sizeOf, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { Fault } from '../../src/core/faults.js'
import { Builder, type Ref } from '../../src/exact/builder.js'
import type { Program } from '../../src/exact/program.js'
import { intervals } from '../../src/quantize/intervals.js'

/** Numbers from a seed, the same everywhere. */
export function numbersFrom(seed: number): (below: number) => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % below
  }
}

/** A random tensor in an interval. */
export function randomTensor(
  next: (below: number) => number,
  { dtype, dims }: { dtype: DType; dims: readonly number[] },
  { lo, hi }: { lo: bigint; hi: bigint },
): Tensor {
  const width = Number(hi - lo) + 1
  const ends = next(4) === 0
  const values = Array.from({ length: sizeOf(dims) }, () => {
    const at = ends ? (next(2) === 0 ? 0 : width - 1) : Math.floor((next(2 ** 31) / 2 ** 31) * width)
    return lo + BigInt(at)
  })
  const data = allocate(dtype, values.length)
  values.forEach(
    (value, i) => ((data as unknown as (number | bigint)[])[i] = dtype === 'int64' ? value : Number(value)),
  )
  return { dtype, dims, data }
}

interface Draft {
  readonly b: Builder
  readonly next: (below: number) => number
  readonly pool: Ref[]
}

type Step = (draft: Draft) => Ref | undefined

const cast = (b: Builder, x: Ref, dtype: DType) => b.op('Cast', [x], { to: DTYPES[dtype].code })
const pick = ({ next, pool }: Draft, dtype: DType, rank?: number) => {
  const fitting = pool.filter((ref) => ref.dtype === dtype && (rank === undefined || ref.dims.length === rank))
  return fitting.length === 0 ? undefined : fitting[next(fitting.length)]
}
const pair = (draft: Draft): [Ref, Ref] | undefined => {
  const a = pick(draft, 'int64')!
  const same = draft.pool.filter(({ dtype, dims }) => dtype === 'int64' && dims.join() === a.dims.join())
  return [a, draft.next(3) === 0 ? draft.b.scalar('int64', draft.next(300) - 150) : same[draft.next(same.length)]]
}
const binary =
  (op: string): Step =>
  (draft) => {
    const found = pair(draft)
    return found && draft.b.op(op, found)
  }
const unary =
  (op: string): Step =>
  ({ b, ...draft }) =>
    b.op(op, [pick({ b, ...draft }, 'int64')!])
const bools =
  (op: string): Step =>
  (draft) => {
    const a = pick(draft, 'bool')
    return a && draft.b.op(op, op === 'Not' ? [a] : [a, a])
  }
const divided =
  (op: string): Step =>
  (draft) =>
    draft.b.op(op, [pick(draft, 'int64')!, draft.b.scalar('int64', 1 + draft.next(40))])

/** Rounds down by a shift: keeps numbers from growing without end. */
const requantized: Step = (draft) => {
  const { b, next } = draft
  const [x, unit] = [pick(draft, 'int64')!, b.scalar('int64', 2 ** (1 + next(8)))]
  return b.div(b.sub(x, b.op('Mod', [x, unit])), unit)
}
const clamped: Step = (draft) => {
  const { b, next } = draft
  const lo = next(60) - 40
  return b.min(b.max(pick(draft, 'int64')!, b.scalar('int64', lo)), b.scalar('int64', lo + next(200)))
}
const doubled = (b: Builder, x: Ref) => cast(b, x, 'float64')
const weights = ({ b, next }: Draft, dims: readonly number[]) =>
  doubled(b, b.constant(randomTensor(next, { dtype: 'int8', dims }, { lo: -128n, hi: 127n })))
const matMul: Step = (draft) => {
  const { b, next } = draft
  const x = pick(draft, 'int64', 2)
  if (x === undefined) return undefined
  const square = next(4) === 0 ? b.transpose(doubled(b, x), [1, 0]) : undefined
  return cast(b, b.matmul(doubled(b, x), square ?? weights(draft, [x.dims[1], 1 + next(4)])), 'int64')
}
const picture = (draft: Draft): Ref => {
  const { b, next } = draft
  const x = pick(draft, 'int64', 4)
  const [h, w] = [2 + next(4), 2 + next(4)]
  return x ?? b.constant(randomTensor(next, { dtype: 'int64', dims: [1, 2, h, w] }, { lo: -50n, hi: 50n }))
}
const windowed = (draft: Draft, x: Ref) => {
  const { next } = draft
  const kernel = [1 + next(2), 1 + next(2)]
  return {
    kernel,
    strides: [1 + next(2), 1 + next(2)],
    pads: kernel.concat(kernel).map((k) => next(k)),
    dilations: [1, 1],
    channels: x.dims[1],
  }
}
const conv: Step = (draft) => {
  const { b, next } = draft
  const x = picture(draft)
  const { kernel, strides, pads, dilations, channels } = windowed(draft, x)
  const group = channels % 2 === 0 ? 1 + next(2) : 1
  const w = weights(draft, [group * (1 + next(2)), channels / group, ...kernel])
  return cast(b, b.op('Conv', [doubled(b, x), w], { group, strides, pads, dilations }), 'int64')
}
const maxPool: Step = (draft) => {
  const { b } = draft
  const x = picture(draft)
  const { kernel, strides, pads, dilations } = windowed(draft, x)
  return cast(b, b.op('MaxPool', [cast(b, x, 'float32')], { kernel, strides, pads, dilations }), 'int64')
}
const reduced =
  (op: string): Step =>
  (draft) =>
    draft.b.op(op, [pick(draft, 'int64')!], { axes: 1 })
const placed =
  (op: string): Step =>
  (draft) => {
    const x = pick(draft, 'int64')!
    return draft.b.op(op, [x], { axis: draft.next(x.dims.length) })
  }
const where: Step = (draft) => {
  const [c, found] = [pick(draft, 'bool'), pair(draft)]
  return c && found && draft.b.where(c, ...found)
}
const flattened: Step = (draft) => {
  const x = pick(draft, 'int64')!
  return draft.b.reshape(x, [1, sizeOf(x.dims)])
}
const turned: Step = (draft) => {
  const x = pick(draft, 'int64', 2)
  return x && draft.b.transpose(x, [1, 0])
}
const sliced: Step = (draft) => {
  const x = pick(draft, 'int64')!
  return draft.b.slice(x, 0, { start: x.dims[0] - 1, end: -1, step: -1 })
}
const concatenated: Step = (draft) => {
  const x = pick(draft, 'int64')!
  return draft.b.concat([x, x], 0)
}
const expanded: Step = (draft) => {
  const x = pick(draft, 'int64')!
  return x.dims.length > 3 ? undefined : draft.b.expand(x, [2, ...x.dims])
}
const padded: Step = (draft) => {
  const { b, next } = draft
  const x = pick(draft, 'int64')!
  return b.op('Pad', [x, b.scalar('int64', next(100) - 50)], { pads: x.dims.concat(x.dims).map(() => next(2)) })
}
const gathered: Step = (draft) => {
  const { b, next } = draft
  const x = pick(draft, 'int64')!
  const last = x.dims[0] - 1
  const given = b.ints([0, last])
  const some = b.reshape(pick(draft, 'int64')!, [sizeOf(pick(draft, 'int64')!.dims)])
  const ranged = b.min(b.max(some, b.scalar('int64', 0)), b.scalar('int64', last))
  return b.gather(x, next(2) === 0 ? given : ranged, 0)
}
const gatheredElements: Step = (draft) => {
  const { b } = draft
  const x = pick(draft, 'int64')!
  return b.op('GatherElements', [x, b.op('Mod', [x, b.scalar('int64', x.dims[0])])], { axis: 0 })
}
const relu: Step = (draft) => cast(draft.b, draft.b.relu(doubled(draft.b, pick(draft, 'int64')!)), 'int64')
const bitOf: Step = (draft) => cast(draft.b, pick(draft, 'int64')!, 'bool')
const ofBit: Step = (draft) => {
  const x = pick(draft, 'bool')
  return x && cast(draft.b, x, 'int64')
}

const STEPS: readonly Step[] = [
  ...['Add', 'Sub', 'Mul', 'Max', 'Min', 'Equal', 'Less'].map(binary),
  ...['Neg', 'Abs', 'Sign'].map(unary),
  ...['And', 'Or', 'Not'].map(bools),
  ...['Div', 'Mod'].map(divided),
  ...[requantized, requantized, clamped, clamped, matMul, matMul, conv, conv, maxPool],
  ...['ReduceSum', 'ReduceMax', 'ReduceMin'].map(reduced),
  ...['ArgMax', 'ArgMin'].map(placed),
  ...[where, flattened, turned, sliced, concatenated, expanded, padded, gathered, gatheredElements, relu, bitOf, ofBit],
]

/** Largest value of a random program, in elements. */
const SIZE = 200

/** A random program of about `length` ops, every one of its values an output; the analysis takes it. */
export function randomProgram(seed: number, length: number): Program {
  const next = numbersFrom(seed)
  const b = new Builder()
  const pool = [b.input('x', { dtype: 'int8', dims: [2, 3] }), b.input('y', { dtype: 'uint8', dims: [1, 2, 4, 3] })]
    .map((ref) => cast(b, ref, 'int64'))
    .concat(b.constant(randomTensor(next, { dtype: 'int64', dims: [2, 3] }, { lo: -9n, hi: 9n })))
  const program = () => b.finish({ outputs: pool.map((ref, i) => [`${i}`, ref] as const) }).program
  for (let tried = 0; tried < 4 * length && pool.length < length; tried++) {
    const made = attempt(STEPS[next(STEPS.length)], { b, next, pool })
    if (made === undefined || sizeOf(made.dims) > SIZE || sizeOf(made.dims) === 0) continue
    pool.push(made)
    if (refused(program())) pool.pop()
  }
  return program()
}

/** Steps are drawn without looking whether they fit. */
function attempt(step: Step, draft: Draft): Ref | undefined {
  try {
    return step(draft)
  } catch (error) {
    if (Fault.is(error)) return undefined
    throw error
  }
}

function refused(program: Program): boolean {
  try {
    intervals(program)
    return false
  } catch (error) {
    if (Fault.is(error)) return true
    throw error
  }
}

export const scalarOf = (value: bigint): Tensor => tensor('int64', [], [value])
