/**
 * Faults about elements without an expansion: computed, copied and chosen ones, each with the evidence that production makes, at the tensors that
 * cost most.
 * @module
 */
import { stream } from '../../scripts/exact-vectors.js'
import { DTYPES, type DType, type Tensor } from '../../src/core/tensor.js'
import { elementFault } from '../../src/dispute/element.js'
import type { AtElement, AtStep } from '../../src/dispute/scene.js'
import type { ExactOp } from '../../src/exact/op.js'
import { OPS, opOf } from '../../src/exact/ops/index.js'
import type { Attributes } from '../../src/exact/program.js'
import { hashLeaf, rootFrom } from '../../src/merkle/tree.js'
import { choiceEvidence, committed, witnessLeaf, type Compared, type Node } from './cases.js'
import { FUNCTIONS, runElementary } from './elementary.js'
import { evaluate, sampleOf } from './elements.js'
import { costOf, dense, staged, type GasCourt, type ProofCost } from './gas-court.js'
import { deploy } from './node.js'

/** Values of the program beside those of the node. */
const IDLE = { idle: 1000 }
const SQUARE = [2048, 2048]
/** As many elements with the longest form (docs/formats.md). */
const DEEP = [4, 4, 4, 4, 4, 4, 32, 32]
/** Somewhere in the middle. */
const ELEMENT = 1500 * 2048 + 777

const cellsOf = ({ data }: Tensor) => data as unknown as { [i: number]: number | bigint }

/** A tensor with another element. */
export function withElement(x: Tensor, element: number, value: number | bigint): Tensor {
  const copy = { ...x, data: x.data.slice() as Tensor['data'] }
  cellsOf(copy)[element] = value
  return copy
}

const at = (x: Tensor, element: number): Tensor => ({
  ...x,
  dims: [1],
  data: x.data.slice(element, element + 1) as Tensor['data'],
})

function denseResult({ op, inputs, attributes = {} }: Node): Tensor {
  const { dtype, dims } = opOf(op).infer(inputs, attributes)
  return dense(dtype, dims, 9)
}

/** A false result, dense wherever it is not looked at. */
function falseResult(node: Node, right: Tensor | undefined, element: number): Tensor {
  const made = denseResult(node)
  const { dtype, dims } = made
  if (right === undefined || !Object.is(made.data[element], right.data[0])) return made
  return withElement(made, element, dtype === 'bool' ? 0 : dense(dtype, dims, 10).data[element])
}

/** What it costs to show that an element of a node is not what follows from its operands, by the proof that a watcher makes. */
async function elementCost(
  court: GasCourt,
  node: Node,
  { element, right }: { readonly element: number; readonly right?: Tensor | undefined },
): Promise<ProofCost> {
  return staged(court, committed(node, falseResult(node, right, element), IDLE), async (run) => {
    const own = { values: run.values } as AtStep['own']
    const challenge = { case: run.case, own: { program: run.program } } as AtStep['challenge']
    const step = { challenge, opening: run.step, own } as AtStep
    const of: AtElement = { values: run.list, value: run.value, element, where: node.op }
    const cost = await costOf(court, run, { proof: await elementFault(step, of) })
    return { ...cost, fault: named(node) }
  })
}

const named = ({ op, inputs }: Node): string => `${op} ${inputs[0].dtype}`

// ---------------------------------------------------------------- computed

/** The widest first: their tensors have the most tiles. */
const TYPES: readonly DType[] = ['float64', 'int64', 'float32', 'bool']
const widestOf = ({ dtypes }: Pick<ExactOp, 'dtypes'>): DType =>
  TYPES.find((dtype) => dtypes === 'any' || dtypes.includes(dtype)) ?? (dtypes[0] as DType)

const isComputed = (name: string, referee: string) => referee.startsWith('element') && name !== 'Where'
const COMPUTED = OPS.filter(({ name, referee }) => isComputed(name, referee) && referee !== 'elementary')

function attributesOf(op: string): Attributes {
  if (op === 'BitShift') return { right: 1 }
  return op === 'Cast' || op === 'BitCast' ? { to: DTYPES.int64.code } : {}
}

const isUnary = (op: string): boolean => UNARY.includes(op)
const UNARY = ['Sqrt', 'Neg', 'Abs', 'Floor', 'Ceil', 'Round', 'Sign', 'Relu', 'Not', 'IsNaN', 'Cast', 'BitCast']

/** Every op that computes an element from one of each operand. */
export async function elementwiseCosts(court: GasCourt): Promise<readonly ProofCost[]> {
  const found: ProofCost[] = []
  for (const op of COMPUTED) {
    const [name, dtype] = [op.name, widestOf(op)]
    const inputs = [1, 2].slice(0, isUnary(name) ? 1 : 2).map((seed) => dense(dtype, SQUARE, seed, name === 'Sqrt'))
    const attributes = attributesOf(name)
    const right = evaluate(
      name,
      inputs.map((x) => at(x, ELEMENT)),
      attributes,
    )
    found.push(await elementCost(court, { op: name, inputs, attributes }, { element: ELEMENT, right }))
  }
  return found
}

/** The same of rank 8, whose forms are the longest. */
export async function deepCosts(court: GasCourt): Promise<readonly ProofCost[]> {
  const inputs = [1, 2].map((seed) => dense('float64', DEEP, seed))
  return [await elementCost(court, { op: 'Mul', inputs }, { element: ELEMENT })]
}

/** The op with three operands: of each a full tile, although one of them is not read. */
export async function selectionCosts(court: GasCourt): Promise<readonly ProofCost[]> {
  const found: ProofCost[] = []
  for (const dtype of TYPES) {
    const inputs = [dense('bool', SQUARE, 1), dense(dtype, SQUARE, 1), dense(dtype, SQUARE, 2)]
    const cost = await elementCost(court, { op: 'Where', inputs }, { element: ELEMENT, right: at(inputs[1], ELEMENT) })
    found.push({ ...cost, fault: `Where ${dtype}` })
  }
  const inputs = [dense('bool', DEEP, 1), dense('float64', DEEP, 1), dense('float64', DEEP, 2)]
  const deep = await elementCost(court, { op: 'Where', inputs }, { element: ELEMENT })
  return [...found, { ...deep, fault: 'Where of rank 8' }]
}

// ---------------------------------------------------------------- elementary

/** Pairs of which the dearest is looked for. */
const POWERS = 1500

/** What an elementary function takes by itself at its dearest argument, the call of it in the contract included. */
export interface Arithmetic {
  readonly op: string
  readonly gas: number
  readonly operands: readonly number[]
}

/** The dearest arguments of all elementary functions. */
export async function dearestArguments({ node }: GasCourt): Promise<readonly Arithmetic[]> {
  const harness = await deploy(node, 'test/ElementaryHarness')
  const found: Arithmetic[] = []
  for (const op of FUNCTIONS) {
    const { worst, worstAt } = await runElementary(harness, op, 4000)
    found.push({ op, gas: worst, operands: [worstAt] })
  }
  return [...found, await dearestPower(node)]
}

async function dearestPower(node: GasCourt['node']): Promise<Arithmetic> {
  const harness = await deploy(node, 'test/ElementsHarness')
  const pairs = powers()
  const operation = { op: opOf('Pow').number, dtype: 1, target: 1, attribute: 0 }
  const bits = (x: number) => new Uint32Array(Float32Array.of(x).buffer)[0]
  let dearest: Arithmetic = { op: 'Pow', gas: 0, operands: [] }
  for (const operands of pairs) {
    const [a, b] = operands.map(bits)
    const [used] = (await harness.gasOf({ ...operation, a, b })) as readonly [bigint, bigint]
    if (Number(used) > dearest.gas) dearest = { op: 'Pow', gas: Number(used), operands }
  }
  return dearest
}

/** Half of them edges and random bits, half of them with results that are finite. */
function powers(): readonly (readonly [number, number])[] {
  const [a, b] = ['base', 'exponent'].map((label) => sampleOf('float32', [POWERS / 2], label).data as Float32Array)
  const next = stream('powers')
  const unit = () => Number(next() % 0xffffffn) / 0xffffff
  const calm = Array.from({ length: POWERS / 2 }, (): [number, number] => [
    Math.fround(0.01 + 50 * unit()),
    Math.fround(20 * unit() - 10),
  ])
  return [...calm, ...Array.from(a, (x, i): [number, number] => [x, b[i]])]
}

/** Every elementary function at its dearest argument. */
export async function elementaryCosts(court: GasCourt, dearest: readonly Arithmetic[]): Promise<readonly ProofCost[]> {
  const found: ProofCost[] = []
  for (const { op, operands } of dearest) {
    const inputs = operands.map((x, i) => withElement(dense('float32', SQUARE, i + 1), ELEMENT, x))
    const right = evaluate(
      op,
      inputs.map((x) => at(x, ELEMENT)),
    )
    found.push(await elementCost(court, { op, inputs }, { element: ELEMENT, right }))
  }
  return found
}

// ---------------------------------------------------------------- copied

/** Operands of a Concat: a node has no more (docs/formats.md). */
const CONCATENATED = 8

/** Places along an axis, 1234 at the element that is read and dense elsewhere. */
const indicesOf = (dims: readonly number[], element: number): Tensor =>
  withElement(dense('int64', dims, 3), element, 1234n)

interface Copy extends Node {
  readonly element: number
}

/** The last element of a Concat of so many operands. */
function concat(count: number): Copy {
  const inputs = Array.from({ length: count }, (_, i) => dense('float32', [128, 2048], i + 1))
  return { op: 'Concat', inputs, attributes: { axis: 0 }, element: 128 * count * 2048 - 1 }
}

function copies(): readonly Copy[] {
  const x = dense('float64', SQUARE, 1)
  const deep = dense('float32', [8, 8, 8, 8, 8, 8, 4, 4], 1)
  return [
    { op: 'Reshape', inputs: [x], attributes: { shape: [1024, 4096] }, element: ELEMENT },
    { op: 'Transpose', inputs: [deep], attributes: { perm: [7, 6, 5, 4, 3, 2, 1, 0] }, element: 3_000_001 },
    { op: 'Slice', inputs: [x], attributes: { starts: [2047, 1], ends: [-1, 2048], steps: [-1, 1] }, element: ELEMENT },
    { op: 'Expand', inputs: [dense('float32', [2048, 1], 1)], attributes: { shape: SQUARE }, element: ELEMENT },
    { op: 'Pad', inputs: [x, dense('float64', [], 2)], attributes: { pads: [1, 2, 0, 3] }, element: ELEMENT },
    concat(CONCATENATED),
    { op: 'Gather', inputs: [x, indicesOf([2048], 1500)], attributes: { axis: 0 }, element: ELEMENT },
    { op: 'GatherElements', inputs: [x, indicesOf(SQUARE, ELEMENT)], attributes: { axis: 0 }, element: ELEMENT },
  ]
}

/** Every op that copies elements. */
export async function copyCosts(court: GasCourt): Promise<readonly ProofCost[]> {
  const found: ProofCost[] = []
  // No element of the result is what it ought to be: both are dense, of other seeds.
  for (const { element, ...node } of copies()) found.push(await elementCost(court, node, { element }))
  return found
}

// ---------------------------------------------------------------- chosen

interface Choice {
  readonly fault: string
  readonly node: Node
  readonly element: number
  readonly result: Tensor
  readonly compared: Compared
  /** Leaves of the expansion; without an expansion none. */
  readonly leaves?: readonly Uint8Array[]
}

/** Extremes, places and updates, with every fault about them that can be. */
function choices(): readonly Choice[] {
  return [...extremes(), ...indices(), ...updates()]
}

function extremes(): readonly Choice[] {
  const x = dense('float32', [2048, 2048], 1)
  const node = { op: 'ReduceMax', inputs: [x], attributes: { axes: 1 } }
  const element = 2047
  const [first, last] = [element * 2048, element * 2048 + 2047]
  const group = Array.from({ length: 2048 }, (_, i) => first + i)
  const best = group.reduce((one, i) => (x.data[i] > x.data[one] ? i : one))
  const result = denseResult(node)
  const same = withElement(result, element, x.data[first])
  const one = { node, element, result }
  const [named, outside] = [last, 7].map((place) => witnessLeaf(place))
  return [
    { ...one, fault: 'better', compared: { candidate: best, sources: [[0, best]] } },
    { ...one, fault: 'chosen', compared: { witness: named, sources: [[0, last]] }, leaves: [named] },
    { ...one, fault: 'astray', compared: { witness: outside }, leaves: [outside] },
    {
      ...one,
      fault: 'lower',
      result: same,
      compared: { witness: named, candidate: first, sources: [[0, first]] },
      leaves: [named],
    },
  ]
}

function indices(): readonly Choice[] {
  const x = dense('float64', [128, 64, 256], 1)
  const node = { op: 'ArgMax', inputs: [x], attributes: { axis: 1 } }
  const element = 127 * 256 + 200
  const source = (place: number) => 127 * 64 * 256 + place * 256 + 200
  const places = Array.from({ length: 64 }, (_, i) => i)
  const best = places.reduce((one, i) => (x.data[source(i)] > x.data[source(one)] ? i : one))
  const other = best === 63 ? 1 : 63
  const result = withElement(denseResult(node), element, BigInt(other))
  const sources = [best, other].map((place) => [0, source(place)] as const)
  return [{ fault: 'place', node, element, result, compared: { candidate: best, sources } }]
}

function updates(): readonly Choice[] {
  const [rows, count, columns] = [65_536, 200_000, 16]
  const element = rows * columns - 1
  const [early, late] = [100_000 * columns + 15, 199_999 * columns + 15]
  const hit = BigInt(rows - 1)
  const index = withElement(withElement(dense('int64', [count, columns], 3), early, hit), late, hit)
  const inputs = [dense('float32', [rows, columns], 1), index, dense('float32', [count, columns], 2)]
  const node = { op: 'ScatterElements', inputs, attributes: { axis: 0 } }
  const result = denseResult(node)
  const one = { node, element, result }
  const [first, stray] = [early + 1, 8].map((number) => witnessLeaf(number))
  return [
    {
      ...one,
      fault: 'chosen',
      compared: {
        witness: first,
        sources: [
          [1, early],
          [2, early],
        ],
      },
      leaves: [first],
    },
    { ...one, fault: 'astray', compared: { witness: stray, operand: 1 }, leaves: [stray] },
    { ...one, fault: 'later', compared: { witness: first, candidate: late, sources: [[1, late]] }, leaves: [first] },
  ]
}

async function choiceCost(court: GasCourt, choice: Choice): Promise<ProofCost> {
  const { fault, node, element, result, compared, leaves } = choice
  return staged(court, committed(node, result, IDLE), async (run) => {
    const evidence = [choiceEvidence(run, element, compared)]
    const expansion = leaves && { element, size: leaves.length, root: rootFrom(leaves.map(hashLeaf)) }
    const cost = await costOf(court, run, { proof: { referee: 'choice', fault, evidence }, expansion })
    return { ...cost, fault: `${node.op} ${fault}` }
  })
}

/** Every op that chooses an element among several. */
export async function choiceCosts(court: GasCourt): Promise<readonly ProofCost[]> {
  const found: ProofCost[] = []
  for (const choice of choices()) found.push(await choiceCost(court, choice))
  return found
}
