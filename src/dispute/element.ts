/**
 * Proofs about one element of a value: it is not what follows from elements of the operands, which are the provider's own.
 * Evidence: ElementEvidence and ChoiceEvidence of contracts/referees/.
 * @module
 */
import { decodeAbi } from '../core/abi.js'
import { Fault } from '../core/faults.js'
import { fromBytes, sizeOf, type Tensor } from '../core/tensor.js'
import type { ExactOp } from '../exact/op.js'
import { opOf } from '../exact/ops/index.js'
import type { NodeValue } from '../exact/program.js'
import { operandsAt } from './book.js'
import { expand, layoutOf } from './expansion.js'
import { bitsAt, openElement, openValue, type TileOpening } from './openings.js'
import { expansionFault } from './pieces.js'
import { NO_LEAF, proofOf, type FaultProof, type RefereeName } from './proof.js'
import type { AtElement, AtNode, AtStep } from './scene.js'
import { broadcastSource, gatherIndex, gathered, gatheredElement, movedSource } from './sources.js'

/** The referee that decides about elements of an op. */
export function deciderOf({ name, referee }: Pick<ExactOp, 'name' | 'referee'>): RefereeName {
  if (referee === 'named') return 'verdict'
  if (referee === 'maximum' || name === 'ScatterElements') return 'choice'
  return referee === 'sum' || referee === 'product' ? 'expansion' : 'element'
}

/**
 * The proof that an element is false: at once where its op reads few elements, by way of its expansion else.
 * @throws Fault `dispute/not-provable` for an op that a named referee decides.
 */
export async function elementFault(at: AtStep, of: AtElement): Promise<FaultProof> {
  const node = at.challenge.own.program.values[of.value] as NodeValue
  const known: AtNode = { ...of, at, node, operands: operandsAt(node, at.own) }
  const row = opOf(node.op)
  if (deciderOf(row) === 'verdict') throw new Fault('dispute/not-provable', `${node.op} needs a referee by name`)
  if (node.op === 'ArgMax' || node.op === 'ArgMin') return wrongPlace(known)
  if (row.referee === 'maximum') return wrongMaximum(known)
  if (layoutOf(node, known.operands, of.element) !== undefined) return expansionFault(known)
  return copiedOrComputed(known)
}

/** A tile of an operand. */
const operandTile = ({ values, node }: AtNode, operand: number, element: number): TileOpening =>
  openElement(values, node.inputs[operand], element)

const numberAt = ({ operands }: AtNode, operand: number, element: number): number =>
  Number(operands[operand].data[element])

function copiedOrComputed(known: AtNode): FaultProof {
  const { at, values, value, element, where } = known
  const { program } = at.challenge.own
  const { operands, before } = readBy(known)
  const evidence = {
    step: at.opening,
    value,
    leaf: openValue(program, value),
    element,
    output: openElement(values, value, element),
    operands,
    before: before.map((operand) => openValue(program, operand)),
  }
  return proofOf(at.challenge, ['element', 'element'], [evidence], `${where}: not what follows from its operands`)
}

interface Read {
  readonly operands: readonly TileOpening[]
  /** Values whose leaves are shown too. */
  readonly before: readonly number[]
}

/** What an element is computed or copied from. */
function readBy(known: AtNode): Read {
  const { node, operands, element } = known
  const tile = (operand: number, from: number) => operandTile(known, operand, from)
  const broadcast = (operand: number) => broadcastSource(operands[operand].dims, node.dims, element)
  const only = (...tiles: readonly TileOpening[]): Read => ({ operands: tiles, before: [] })
  switch (node.op) {
    case 'Where': {
      const chosen = numberAt(known, 0, broadcast(0)) === 1 ? 1 : 2
      return only(tile(0, broadcast(0)), tile(chosen, broadcast(chosen)))
    }
    case 'Gather':
    case 'GatherElements': {
      const position = node.op === 'Gather' ? gatherIndex(node, operands, element) : element
      const index = numberAt(known, 1, position)
      const from = (node.op === 'Gather' ? gathered : gatheredElement)(node, operands, { element, index })
      return only(tile(1, position), tile(0, from))
    }
    case 'Concat': {
      const source = movedSource(node, operands, element)
      return { operands: [tile(source.operand, source.element)], before: node.inputs.slice(0, source.operand) }
    }
    case 'Reshape':
    case 'Transpose':
    case 'Slice':
    case 'Expand':
    case 'Pad': {
      const source = movedSource(node, operands, element)
      return only(tile(source.operand, source.element))
    }
    case 'MatMul':
    case 'Conv':
    case 'ReduceSum':
      // Without an expansion there is nothing to sum: the empty operand is shown.
      return { operands: [], before: [node.inputs[node.op === 'ReduceSum' ? 0 : 1]] }
    case 'ScatterAdd':
      return { operands: [tile(0, element)], before: [node.inputs[1]] }
    default:
      return only(...operands.map((_, operand) => tile(operand, broadcast(operand))))
  }
}

// ---------------------------------------------------------------- choices

/** Evidence of ChoiceReferee; what a fault does not look at stays empty. */
export function choiceEvidence({ at, values, value, element }: Omit<AtNode, 'node' | 'operands'>) {
  return {
    step: at.opening,
    value,
    leaf: openValue(at.challenge.own.program, value),
    element,
    output: openElement(values, value, element),
    operand: NO_LEAF,
    witness: new Uint8Array(0),
    candidate: 0,
    operands: [] as readonly TileOpening[],
  }
}

const choice = ({ at, where }: AtNode, fault: string, evidence: object, what: string): FaultProof =>
  proofOf(at.challenge, ['choice', fault], [evidence], `${where}: ${what}`)

/** ArgMax, ArgMin: the place that one's own value names is better than the one that the provider's does. */
function wrongPlace(known: AtNode): FaultProof {
  const { values, value, element, node, operands, at } = known
  const [axis, dims] = [node.attributes.axis as number, operands[0].dims]
  const inner = sizeOf(dims.slice(axis + 1))
  const first = Math.floor(element / inner) * dims[axis] * inner + (element % inner)
  const theirs = bitsAt(values, value, element)
  const candidate = Number(at.own.values[value]!.data[element])
  const places = [candidate, ...(theirs < BigInt(dims[axis]) ? [Number(theirs)] : [])]
  const tiles = places.map((place) => operandTile(known, 0, first + place * inner))
  return choice(known, 'place', { ...choiceEvidence(known), candidate, operands: tiles }, 'another place is better')
}

/** ReduceMax, ReduceMin, MaxPool: the value's own witness is better, or the provider names none that has its value. */
function wrongMaximum(known: AtNode): Promise<FaultProof> | FaultProof {
  const { node, operands, element, at, values, value } = known
  const layout = layoutOf(node, operands, element)
  if (layout === undefined) {
    const operand = openValue(at.challenge.own.program, node.inputs[0])
    return choice(known, 'empty', { ...choiceEvidence(known), operand }, 'there is nothing to choose from')
  }
  const own = at.own.values[value]!
  const theirs = numberOf(own, bitsAt(values, value, element))
  const best = own.data[element]
  const isBetter = node.op === 'ReduceMin' ? best < theirs : best > theirs
  if (!isBetter) return expansionFault(known)
  const [witness] = decodeAbi(['uint64'], expand(node, operands, element).leaves[0])
  const candidate = Number(witness)
  const evidence = { ...choiceEvidence(known), candidate, operands: [operandTile(known, 0, candidate)] }
  return choice(known, 'better', evidence, 'another element is better')
}

/** The number that these bits are in a tensor's type. */
function numberOf({ dtype, data }: Tensor, bits: bigint): number | bigint {
  const bytes = Uint8Array.from({ length: data.BYTES_PER_ELEMENT }, (_, i) => Number((bits >> BigInt(8 * i)) & 0xffn))
  return fromBytes({ dtype, dims: [1] }, bytes).data[0]
}
