/**
 * Evidence about an element that is chosen among several, and the witness that its provider named: as contracts/referees/ChoiceReferee.sol takes it.
 * @module
 */
import { decodeAbi } from '../../core/abi.js'
import type { Bytes32 } from '../../core/bytes.js'
import type { Expansion } from './expand.js'
import { bitsAt, openElement, openValue, type TileOpening } from '../openings.js'
import type { ExpansionProof, Subject } from './subject.js'
import type { Finding } from './finding.js'
import { CHOICE, chosenBits } from './leaves.js'
import type { WitnessPlan } from './plan.js'

/** A function of the referee, and what it looks at beside the subject. */
type Choice = readonly [
  fault: 'astray' | 'chosen' | 'better' | 'lower' | 'later',
  looks: { readonly candidate?: number; readonly operands?: readonly TileOpening[] },
]

/** The expansion of a choice, which is one leaf. */
export interface OwnChoice extends Expansion {
  readonly plan: WitnessPlan
}

const inputOf = ({ program, value }: Subject, operand: number): number => {
  const node = program.values[value]
  return node.kind === 'node' ? node.inputs[operand] : value
}

const tileOf = (subject: Subject, operand: number, element: number): TileOpening =>
  openElement(subject.values, inputOf(subject, operand), element)

/** What all functions take; a scatter's witness is about its indices. */
function evidenceOf(subject: Subject, { plan }: OwnChoice, witness: Uint8Array) {
  const { program, step, values, value, element } = subject
  return {
    step,
    value,
    leaf: openValue(program, value),
    element,
    output: openElement(values, value, element),
    operand: openValue(program, inputOf(subject, plan.choice === 'last' ? 1 : 0)),
    witness,
    candidate: 0,
    operands: [] as readonly TileOpening[],
  }
}

/** The proof that a witness is not the right one, or that the element is not what it names. */
export function proveChoice(
  subject: Subject,
  own: OwnChoice,
  found: { finding: Finding; leaf: Uint8Array },
): ExpansionProof {
  const [fault, looks] = choose(subject, own, found)
  return { referee: 'choice', fault, evidence: [{ ...evidenceOf(subject, own, found.leaf), ...looks }] }
}

/** The proof that the expansion has another number of leaves than one. */
export function proveChoiceSize(
  subject: Subject,
  own: OwnChoice,
  { size, root }: { readonly size: number | bigint; readonly root: Bytes32 },
): ExpansionProof {
  return { referee: 'choice', fault: 'size', evidence: [evidenceOf(subject, own, new Uint8Array(0)), size, root] }
}

function choose(subject: Subject, own: OwnChoice, { finding, leaf }: { finding: Finding; leaf: Uint8Array }): Choice {
  const { fault, member } = finding
  if (fault === 'malformed') return ['astray', {}]
  if (own.plan.choice === 'last') return amongUpdates(subject, own, finding)
  if (fault === 'witness') return ['astray', {}]
  const named = Number(decodeAbi(CHOICE, leaf)[0])
  const output = bitsAt(subject.values, subject.value, subject.element)
  // What is not the element's value shows that; what is, is beaten.
  if (fault === 'result' || chosenBits(own.plan, own.operands, named) !== output)
    return ['chosen', { operands: [tileOf(subject, 0, named)] }]
  const candidate = Number(member)
  const beats = isBetter(own, candidate, named) ? 'better' : 'lower'
  return [beats, { candidate, operands: [tileOf(subject, 0, candidate)] }]
}

function isBetter({ plan, operands: [{ data }] }: OwnChoice, a: number, b: number): boolean {
  return plan.choice === 'largest' ? data[a] > data[b] : data[a] < data[b]
}

/** The last of the updates that hit the element stands. */
function amongUpdates(subject: Subject, own: OwnChoice, { fault, member }: Finding): Choice {
  if (fault === 'larger') {
    const candidate = Number(member) - 1
    return ['later', { candidate, operands: [tileOf(subject, 1, candidate)] }]
  }
  const named = fault === 'result' ? Number(decodeAbi(CHOICE, own.leaves[0])[0]) : Number(member)
  if (named === 0) return ['chosen', { operands: [tileOf(subject, 0, own.plan.old)] }]
  const update = named - 1
  if (fault === 'result') return ['chosen', { operands: [tileOf(subject, 1, update), tileOf(subject, 2, update)] }]
  const inLine = new Set(own.plan.candidates()).has(update)
  return inLine ? ['chosen', { operands: [tileOf(subject, 1, update)] }] : ['astray', {}]
}
