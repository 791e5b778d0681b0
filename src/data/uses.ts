/**
 * What the parameters of a program are there for, read off the graph of ops: where the values that follow from parameters and constants alone
 * meet the data. What first values follow from that, `initial.ts` says.
 * @module
 */
import { isFloat, sizeOf, type TensorType } from '../core/tensor.js'
import { ABSENT, type NodeValue, type Program } from '../exact/program.js'

/** How many inputs an output sums, and how many outputs an input reaches. */
export interface Fans {
  readonly in: number
  readonly out: number
}

/** What a parameter is there for. */
export type Use =
  /** A factor of matrix products or convolutions, with a rectifier behind it or not. */
  | { readonly kind: 'product'; readonly fans: Fans; readonly rectified: boolean }
  /** Rows of so many elements that data chooses. */
  | { readonly kind: 'table'; readonly width: number }
  /**
   * scale: multiplies or divides. shift: is added, or stands beside the data. slope: what a PRelu multiplies negative numbers by.
   * slot: state of an optimizer, or the right factor of an adapter. mean, variance: running statistics.
   * kept: no step changes it and outputs depend on it. other: anything else.
   */
  | { readonly kind: 'scale' | 'shift' | 'slope' | 'slot' | 'mean' | 'variance' | 'kept' | 'other' }

/** Of several uses of one parameter the one that stands first here counts, then the one that is computed first. */
const ORDER: readonly Use['kind'][] = ['table', 'product', 'scale', 'slope', 'shift', 'other']

/** A use at a node. */
interface Role {
  readonly node: number
  readonly use: Use
}

/** Ops through which a rectifier behind a product is looked for. */
const PASSING = new Set('Add Sub Mul Div Cast Reshape Transpose Slice Concat Expand Pad MaxPool'.split(' '))
const SCALING: readonly string[] = ['Mul', 'Div']
const SHIFTING: readonly string[] = ['Add', 'Sub', 'Concat', 'Where']

/** A pass over the values that the outputs depend on, from the last to the first. */
interface Walk {
  readonly program: Program
  /** 1 for values that follow from parameters and constants alone. */
  readonly still: Uint8Array
  /** 1 for values that the outputs depend on. */
  readonly live: Uint8Array
  /** 1 for values that reach a rectifier by passing ops. */
  readonly rectified: Uint8Array
  /** Products that are the negative side of a PRelu. */
  readonly slopes: Set<number>
  readonly roles: Map<number, Role>
}

const operandsOf = ({ inputs }: NodeValue): number[] => inputs.filter((input) => input !== ABSENT)

function stillOf({ values }: Program): Uint8Array {
  const still = new Uint8Array(values.length)
  values.forEach((value, number) => {
    const holds =
      value.kind === 'node' ? operandsOf(value).every((operand) => still[operand] === 1) : value.kind !== 'input'
    still[number] = Number(holds)
  })
  return still
}

function walk(program: Program): Walk {
  const [size, first] = [program.values.length, program.values.length - program.counts.nodes]
  const live = new Uint8Array(size)
  for (const output of program.outputs) live[output] = 1
  const still = stillOf(program)
  const found: Walk = { program, still, live, rectified: new Uint8Array(size), slopes: new Set(), roles: new Map() }
  for (let number = size - 1; number >= first; number--) if (live[number] === 1) visit(found, number)
  return found
}

/** Everything that a node says of its operands; all that use the node were visited before. */
function visit(found: Walk, number: number): void {
  const node = found.program.values[number] as NodeValue
  const rectifies = isRectifier(found.program, node)
  if (node.op === 'Where') noteSlope(found, node)
  node.inputs.forEach((operand, position) => {
    if (operand === ABSENT) return
    found.live[operand] = 1
    if (rectifies || (PASSING.has(node.op) && found.rectified[number] === 1)) found.rectified[operand] = 1
    if (found.still[operand] === 1) offer(found, operand, roleAt(found, number, position))
  })
}

/** Relu, or the larger of 0 and something, which is how exporters write a clip from below. */
function isRectifier({ values }: Program, { op, inputs }: NodeValue): boolean {
  if (op !== 'Max') return op === 'Relu'
  return inputs.some((input) => {
    const value = values[input]
    return value.kind === 'constant' && value.tensor.data.length > 0 && value.tensor.data.every((x) => Number(x) === 0)
  })
}

/** Where(below zero, slope x, x): the product is the negative side of a PRelu. */
function noteSlope({ program, slopes }: Walk, { inputs: [, product, x] }: NodeValue): void {
  const value = program.values[product]
  if (value.kind === 'node' && value.op === 'Mul' && value.inputs.includes(x)) slopes.add(product)
}

/** What a use at this operand of a node makes of the operand, which is still. */
function roleAt(found: Walk, number: number, position: number): Role | undefined {
  const node = found.program.values[number] as NodeValue
  const use = productAt(found, number, position)
  if (use !== undefined) return { node: number, use }
  if (found.still[number] === 0) return { node: number, use: meeting(found, number, position) }
  const smaller = sizeOf(found.program.values[node.inputs[position]].dims) < sizeOf(node.dims)
  if (smaller && SCALING.includes(node.op)) return { node: number, use: { kind: 'scale' } }
  return found.roles.get(number)
}

/** A factor of a product, with its fans as they stand there: however the parameter was transposed and cut before. */
function productAt({ program, rectified }: Walk, number: number, position: number): Use | undefined {
  const { op, inputs } = program.values[number] as NodeValue
  const fans = fansAt(op, program.values[inputs[position]], position)
  return fans && { kind: 'product', fans, rectified: rectified[number] === 1 }
}

function fansAt(op: string, { dims }: TensorType, position: number): Fans | undefined {
  const [rows, columns] = dims.slice(-2)
  if (op === 'MatMul') return position === 1 ? { in: rows, out: columns } : { in: columns, out: rows }
  if (op !== 'Conv' || position !== 1) return undefined
  const kernel = sizeOf(dims.slice(2))
  return { in: dims[1] * kernel, out: dims[0] * kernel }
}

/** A still operand meets data. */
function meeting({ program, slopes }: Walk, number: number, position: number): Use {
  const { op, inputs, attributes } = program.values[number] as NodeValue
  const { dims } = program.values[inputs[position]]
  if (op === 'Gather' && position === 0) {
    return { kind: 'table', width: sizeOf(dims.filter((_, axis) => axis !== attributes.axis)) }
  }
  if (slopes.has(number)) return { kind: 'slope' }
  if (SCALING.includes(op)) return { kind: 'scale' }
  return { kind: SHIFTING.includes(op) ? 'shift' : 'other' }
}

function offer({ roles }: Walk, value: number, role: Role | undefined): void {
  if (role === undefined) return
  const before = roles.get(value)
  const order = before === undefined ? -1 : ORDER.indexOf(role.use.kind) - ORDER.indexOf(before.use.kind)
  if (order < 0 || (order === 0 && role.node < before!.node)) roles.set(value, role)
}

/** Names of tensors that begin as zeros, as training and adapters write them, with the name of the tensor that each belongs to. */
const BESIDE = [
  [/^(?:velocity|mean|square) of (.*)$/su, (owner: string) => owner],
  [/^right of (.*)$/su, (owner: string) => `left of ${owner}`],
] as const

function isBeside(name: string, known: ReadonlySet<string>): boolean {
  return BESIDE.some(([pattern, partner]) => {
    const owner = pattern.exec(name)?.[1]
    return owner !== undefined && known.has(partner(owner))
  })
}

/** How far the statistic behind a running value may lie. */
const REACH = 64

/** True where the next value is made from a sum of squares: a running variance. */
function followsSquares({ program: { values }, still }: Walk, from: number): boolean {
  let [at, summed] = [from, false]
  for (let turn = 0; turn < REACH; turn++) {
    const value = values[at]
    if (value.kind !== 'node') return false
    const moving = operandsOf(value).filter((operand) => still[operand] === 0)
    if (value.op === 'Mul' && moving.length === 2 && moving[0] === moving[1]) return summed
    if (moving.length !== 1) return false
    summed ||= value.op === 'ReduceSum'
    at = moving[0]
  }
  return false
}

/**
 * What each parameter of a program is there for, in order. A program that carries nothing is taken for a model whose parameters are all to be
 * made, but for those of rank 0, which exporters write for constant factors. Cost: linear in the program.
 */
export function usesOf(program: Program): readonly Use[] {
  const found = walk(program)
  const carries = new Map(program.carries.map(({ parameter, value }) => [parameter, value]))
  const known = new Set(program.names.parameters)
  return program.names.parameters.map((name, parameter): Use => {
    const [next, { dtype, dims }] = [carries.get(parameter), program.values[parameter]]
    if (next !== undefined && isBeside(name, known)) return { kind: 'slot' }
    if (carries.size > 0 ? next === undefined : dims.length === 0) return { kind: 'kept' }
    if (!isFloat(dtype)) return { kind: 'other' }
    if (found.live[parameter] === 1) return found.roles.get(parameter)?.use ?? { kind: 'other' }
    if (next === undefined) return { kind: 'kept' }
    return { kind: followsSquares(found, next) ? 'variance' : 'mean' }
  })
}
