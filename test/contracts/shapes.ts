/**
 * Types and attributes for the ops, right ones and wrong ones, and what a decoder says about them.
 * @module
 */
import { stream } from '../../scripts/exact-vectors.js'
import { DTYPES, dtypeOf, sizeOf, type DType, type TensorType } from '../../src/core/tensor.js'
import { Fault } from '../../src/core/faults.js'
import { opOf } from '../../src/exact/ops/index.js'
import type { Attributes } from '../../src/exact/program.js'
import { SAMPLES } from '../../src/runtime/conformance-samples.js'

/** Random integers, the same ones for a label. */
export class Draw {
  readonly #next: () => bigint
  constructor(label: string) {
    this.#next = stream(label)
  }
  below(bound: number): number {
    return Number(this.#next() % BigInt(bound))
  }
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]
  }
  dims(rank: number, high = 5): number[] {
    return Array.from({ length: rank }, () => this.between(0, high))
  }
  list(length: number, low: number, high: number): number[] {
    return Array.from({ length }, () => this.between(low, high))
  }
}

/** An op on operands of some types, its attributes as the words of a program's leaf. */
export interface Typed {
  readonly op: string
  readonly operands: readonly TensorType[]
  readonly words: readonly number[]
}

type Shaped = readonly [dims: readonly (readonly number[])[], attributes?: Attributes]

/** Dims that broadcast to a common shape, mostly. */
function broadcasting(d: Draw, count: number): Shaped {
  const dims = d.dims(d.below(4))
  const some = () => dims.slice(d.below(dims.length + 1)).map((dim) => (d.below(3) === 0 ? 1 : dim))
  return [Array.from({ length: count }, (_, i) => (i === 0 ? dims : some()))]
}

function windowed(d: Draw): { rank: number; spatial: number[]; kernel: number[]; attributes: Attributes } {
  const rank = d.between(1, 3)
  const attributes = { strides: d.list(rank, 1, 3), pads: d.list(2 * rank, 0, 2), dilations: d.list(rank, 1, 2) }
  return { rank, spatial: d.list(rank, 3, 9), kernel: d.list(rank, 1, 3), attributes }
}

const scattered = (d: Draw): Shaped => {
  const dims = d.dims(d.between(1, 3))
  const axis = d.below(dims.length)
  const updates = dims.map((dim, i) => (i === axis ? d.below(6) : dim))
  return [[dims, updates, updates], { axis }]
}

const reduced = (d: Draw): Shaped => {
  const dims = d.dims(d.below(5))
  return [[dims], { axes: d.between(0, dims.length) }]
}

const along = (d: Draw): Shaped => {
  const dims = d.dims(d.between(1, 4))
  return [[dims], { axis: d.below(dims.length) }]
}

/** Dims and attributes that the ops take, mostly. */
const SHAPED: Readonly<Record<string, (d: Draw) => Shaped>> = {
  MatMul(d) {
    const [m, k, n] = d.list(3, 0, 4)
    const [[a, b]] = broadcasting(d, 2)
    return [
      [
        [...a, m, k],
        [...b, k, n],
      ],
    ]
  },
  Conv(d) {
    const { spatial, kernel, attributes } = windowed(d)
    const [group, channels, out] = d.list(3, 1, 3)
    return [
      [
        [d.below(3), group * channels, ...spatial],
        [out * group, channels, ...kernel],
      ],
      { group, ...attributes },
    ]
  },
  MaxPool(d) {
    const { spatial, kernel, attributes } = windowed(d)
    return [[[d.below(3), 2, ...spatial]], { kernel, ...attributes }]
  },
  ReduceSum: reduced,
  ReduceMax: reduced,
  ReduceMin: reduced,
  ScatterAdd: scattered,
  ScatterElements: scattered,
  CumSum: (d) => [[d.dims(d.below(4))]],
  ArgMax: along,
  ArgMin: along,
  TopK(d) {
    const [dims, attributes] = along(d)
    return [dims, { ...attributes, k: d.below(6), largest: d.below(2) }]
  },
  Reshape(d) {
    const dims = d.list(d.below(5), 1, 4)
    const shape = d.below(2) === 0 ? [...dims].reverse() : [sizeOf(dims)]
    return [[d.below(8) === 0 ? [...dims, 0] : dims], { shape: d.below(8) === 0 ? [...shape, 0] : shape }]
  },
  Transpose(d) {
    const dims = d.dims(d.below(5))
    const order = dims.map((_, i) => [i, d.below(1000)]).sort((a, b) => a[1] - b[1])
    return [[dims], { perm: order.map(([axis]) => axis) }]
  },
  Slice(d) {
    const dims = d.dims(d.below(4))
    const down = dims.map(() => d.below(2) === 0)
    return [
      [dims],
      {
        starts: dims.map((dim, i) => (down[i] ? Math.max(0, dim - 1) : d.below(3))),
        ends: dims.map((dim, i) => (down[i] ? d.between(-1, 1) : dim)),
        steps: dims.map((_, i) => (down[i] ? -1 : 1) * d.between(1, 3)),
      },
    ]
  },
  Concat(d) {
    const [[dims], attributes] = along(d)
    const more = () => dims.map((dim, i) => (i === attributes!.axis ? d.below(4) : dim))
    return [[dims, ...Array.from({ length: d.below(8) }, more)], attributes]
  },
  Expand(d) {
    const [[shape, dims]] = broadcasting(d, 2)
    return [[dims], { shape }]
  },
  Gather(d) {
    const [[dims], attributes] = along(d)
    return [[dims, d.dims(d.below(3))], attributes]
  },
  GatherElements(d) {
    const [[dims], attributes] = along(d)
    return [[dims, dims.map((dim, i) => (i === attributes!.axis ? d.below(6) : d.between(0, dim)))], attributes]
  },
  Pad(d) {
    const dims = d.dims(d.below(4))
    return [[dims, []], { pads: d.list(2 * dims.length, 0, 3) }]
  },
}

const ALL = Object.keys(DTYPES) as DType[]
/** Operands that are indices, and conditions. */
const INDEX: Readonly<Record<string, number>> = { Gather: 1, GatherElements: 1, ScatterAdd: 1, ScatterElements: 1 }

function dtypesOf(d: Draw, op: string, count: number): DType[] {
  const { dtypes } = opOf(op)
  const own = dtypes === 'any' ? d.pick(ALL) : d.pick(dtypes)
  return Array.from({ length: count }, (_, i) => (i === INDEX[op] ? 'int64' : op === 'Where' && i === 0 ? 'bool' : own))
}

/** An op with types that it takes, mostly. */
export function drawTyped(d: Draw, op: string): Typed {
  const [first] = SAMPLES[op]
  const [dims, attributes = {}] = SHAPED[op]?.(d) ?? [broadcasting(d, first.operands.length)[0], first.attributes]
  const own = op.endsWith('Cast') ? { to: DTYPES[d.pick(ALL)].code } : attributes
  const dtypes = dtypesOf(d, op, dims.length)
  const words = opOf(op).attributes.flatMap(({ name }) => {
    const value = own[name]
    return typeof value === 'number' ? [value] : [value.length, ...value]
  })
  return { op, operands: dims.map((one, i) => ({ dtype: dtypes[i], dims: one })), words }
}

/** Integers at which something changes. */
const EDGES = [0, 1, 2, -1, -2, 3, 7, 13, 2 ** 20, 2 ** 40, 2 ** 40 + 1, 2 ** 53 - 1, 1 - 2 ** 53]
const SIZES = EDGES.filter((size) => size >= 0 && size <= 2 ** 40)

const replaced = <T>(list: readonly T[], index: number, item: T): T[] =>
  list.map((one, i) => (i === index ? item : one))

/** The same with one thing changed. */
export function bent(d: Draw, typed: Typed): Typed {
  const { operands, words } = typed
  const which = d.below(operands.length)
  const { dtype, dims } = operands[which]
  const other = (type: TensorType) => ({ ...typed, operands: replaced(operands, which, type) })
  switch (d.below(8)) {
    case 0:
      return other({ dtype: d.pick(ALL), dims })
    case 1:
      return other({ dtype, dims: replaced(dims, d.below(dims.length + 1), d.pick(SIZES)) })
    case 2:
      return other({ dtype, dims: d.below(2) === 0 ? dims.slice(1) : [...dims, d.below(3)].slice(0, 8) })
    case 3:
      // A node has at least one operand and at most eight.
      if (operands.length > 1 && d.below(2) === 0) return { ...typed, operands: operands.slice(1) }
      return { ...typed, operands: [...operands, operands[0]].slice(0, 8) }
    case 4:
      return { ...typed, words: d.below(2) === 0 ? words.slice(0, -1) : [...words, d.below(3)] }
    case 5:
      return { ...typed, words: replaced(words, d.below(words.length + 1), d.between(-2, 9)) }
    default:
      return { ...typed, words: replaced(words, d.below(words.length + 1), d.pick(EDGES)) }
  }
}

/** Attributes from their words, or undefined where these are others. */
function attributesFrom(op: string, words: readonly number[]): Attributes | undefined {
  const found: Record<string, number | number[]> = {}
  let at = 0
  for (const { name, kind } of opOf(op).attributes) {
    const word = words[at++]
    if (word === undefined) return undefined
    if (kind === 'int') found[name] = word
    else if (word < 0 || at + word > words.length) return undefined
    else found[name] = words.slice(at, (at += word))
  }
  return at === words.length ? found : undefined
}

const isValue = ({ dims }: TensorType): boolean =>
  dims.length <= 8 && dims.every((dim) => dim >= 0 && dim <= 2 ** 40) && sizeOf(dims) <= 2 ** 40

/** The type that the op table infers; undefined where it refuses these operands or attributes. */
export function inferred({ op, operands, words }: Typed): TensorType | undefined {
  const attributes = attributesFrom(op, words)
  if (attributes === undefined) return undefined
  try {
    const type = opOf(op).infer(operands, attributes)
    return isValue(type) ? type : undefined
  } catch (error) {
    if (Fault.is(error)) return undefined
    throw error
  }
}

/** What the op table says: other attributes, a refusal, or the type, as text. */
export function rightOf(typed: Typed): string {
  if (attributesFrom(typed.op, typed.words) === undefined) return 'no attributes'
  const type = inferred(typed)
  return type === undefined ? 'Refused' : `${type.dtype}[${type.dims}]`
}

/** The same, from what a contract infers. */
export function textOf(inferred: string): string {
  const [code, ...dims] = inferred.split(' ')
  return /^\d+$/.test(code) ? `${dtypeOf(Number(code))}[${dims}]` : inferred
}
