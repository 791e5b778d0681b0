/**
 * Proofs about refusals: a run that ought to have been refused and was not, or not there; one that was refused without reason.
 * Evidence: contracts/referees/RefusalReferee.sol.
 * @module
 */
import { ZERO32, equal } from '../core/bytes.js'
import { sizeOf } from '../core/tensor.js'
import { REASONS } from '../exact/op.js'
import { opOf } from '../exact/ops/index.js'
import type { NodeValue, Program } from '../exact/program.js'
import { hash as hashRefusal } from '../receipt/refusal.js'
import { resultsOf } from '../runtime/runtime.js'
import type { RunRefusal } from '../trace/refusal.js'
import {
  openCarry,
  openElement,
  openEnds,
  openOutput,
  openValue,
  type Case,
  type LeafOpening,
  type ListView,
  type StepOpening,
} from './openings.js'
import { NO_LEAF, proofOf, type FaultProof } from './proof.js'
import type { Answer, ShownRefusal } from './question.js'
import { broadcastSource } from './sources.js'

/** A step whose values are known, up to the node that is looked at. */
export interface RefusedStep {
  readonly case: Case
  readonly program: Program
  readonly opening: StepOpening
  readonly values: ListView
}

/** One's own refusal and the declared one: they are not the same. */
export interface Refusals {
  readonly own: RunRefusal | undefined
  readonly declared: RunRefusal | undefined
}

/** True where the first comes before the second in the order step, node, element; a NaN in a result is looked for behind all nodes. */
export function comesFirst(a: RunRefusal | undefined, b: RunRefusal | undefined): boolean {
  if (a === undefined || b === undefined) return a !== undefined
  const [x, y] = [a, b].map(({ step, node, element, reason }) => [step, Number(reason === 'nan-result'), node, element])
  const apart = x.findIndex((word, i) => word !== y[i])
  return apart >= 0 && x[apart] < y[apart]
}

/** The proof that a run is refused earlier than its provider says, or was refused without reason. */
export function refusalApart(at: RefusedStep, { own, declared }: Refusals): FaultProof {
  if (comesFirst(own, declared)) {
    return proofOf(at, ['refusal', 'meets'], [placeOf(at, own!)], `${where(own!)}: the run is refused there`)
  }
  return withoutReason(at, declared!)
}

const where = ({ step, node, element, reason }: RunRefusal) =>
  `step ${step}, value ${node}, element ${element}: ${reason}`

const operandOf = (reason: RunRefusal['reason']): number => (reason === 'nan' ? 0 : 1)

/** A place at which nothing is wrong, or where nothing is looked for. */
function withoutReason(at: RefusedStep, declared: RunRefusal): FaultProof {
  const { program } = at
  const summary = `${where(declared)}: nothing is wrong there`
  const value = program.values[declared.node]
  if (declared.reason === 'nan-result' && value !== undefined && !resultsOf(program).includes(declared.node)) {
    return proofOf(at, ['refusal', 'noResult'], [openEnds(program, { outputs: true })], summary)
  }
  if (!exists(program, declared)) {
    const leaf = value === undefined ? NO_LEAF : openValue(program, declared.node)
    const operand = value?.kind === 'node' ? value.inputs[operandOf(declared.reason)] : undefined
    const shown = operand === undefined ? NO_LEAF : openValue(program, operand)
    return proofOf(at, ['refusal', 'nowhere'], [leaf, shown], summary)
  }
  return proofOf(at, ['refusal', 'unmet'], [placeOf(at, declared)], summary)
}

/** True where the program has this fault point and this element. */
function exists({ values }: Program, { node, element, reason }: RunRefusal): boolean {
  const value = values[node]
  if (value === undefined) return false
  if (reason === 'nan-result') return element < sizeOf(value.dims)
  if (value.kind !== 'node' || !looksFor(value, values, reason)) return false
  const looked = reason === 'zero-divisor' ? value : values[value.inputs[operandOf(reason)]]
  return element < sizeOf(looked.dims)
}

/** Ops that look for an index outside of an axis, or divide integers. */
const INDEXED = ['Gather', 'GatherElements', 'ScatterElements', 'ScatterAdd']
const DIVIDING = ['Div', 'Mod']
const isInteger = (dtype: string) => /^u?int/.test(dtype)

function looksFor(node: NodeValue, _values: Program['values'], reason: RunRefusal['reason']): boolean {
  if (opOf(node.op).faults === undefined) return false
  if (reason === 'index-out-of-range') return INDEXED.includes(node.op)
  if (reason === 'zero-divisor') return DIVIDING.includes(node.op) && isInteger(node.dtype)
  return node.op === 'Cast' ? isInteger(node.dtype) : ![...INDEXED, ...DIVIDING].includes(node.op)
}

/** FaultPointEvidence: the place, and the element that is looked at. */
function placeOf({ program, opening, values }: RefusedStep, refusal: RunRefusal) {
  const { node, element, reason } = refusal
  const place = { step: opening, value: node, element, reason: REASONS[reason] }
  if (reason === 'nan-result')
    return { ...place, leaf: NO_LEAF, tile: openElement(values, node, element), ...resultAt(program, node) }
  const { dims, inputs } = program.values[node] as NodeValue
  const operand = inputs[operandOf(reason)]
  const at = reason === 'zero-divisor' ? broadcastSource(program.values[operand].dims, dims, element) : element
  const other = reason === 'index-out-of-range' ? openValue(program, inputs[0]) : NO_LEAF
  const tile = openElement(values, operand, at)
  return { ...place, leaf: openValue(program, node), tile, other, index: 0, isCarry: false }
}

/** What makes a value a result. */
function resultAt(program: Program, node: number): { other: LeafOpening; index: number; isCarry: boolean } {
  const output = program.outputs.indexOf(node)
  if (output >= 0) return { other: openOutput(program, output), index: output, isCarry: false }
  const carry = program.carries.findIndex(({ value }) => value === node)
  return { other: openCarry(program, carry), index: carry, isCarry: true }
}

/** The proof that the claim's outputs are the record of a refusal that is not declared; undefined where they are not. */
export function undeclared(of: { readonly case: Case }, refusal: RunRefusal): FaultProof | undefined {
  const { claim } = of.case
  if (!equal(hashRefusal(refusal), claim.outputs)) return undefined
  return proofOf(of, ['refusal', 'undeclared'], [shownFrom(refusal)], `${where(refusal)}: refused, and not declared`)
}

const shownFrom = ({ step, node, element, reason }: RunRefusal): ShownRefusal => {
  return { refused: true, step, node, element, reason: REASONS[reason] }
}

/** The proof that a step's outputs are the record of a refusal, where the claim declares none. */
export function recorded(
  of: { readonly case: Case },
  opening: StepOpening,
  { refusal, shown }: Extract<Answer, { name: 'answerRefusal' }>,
): FaultProof {
  const evidence = [opening, shown ?? shownFrom(refusal!)]
  return proofOf(of, ['refusal', 'recorded'], evidence, `step ${opening.step}: refused, and not declared`)
}

/** The proof that a refused step's leaf does not fit its claim: by its own leaf of the run, or by its trace. */
export function wrongForm(of: { readonly case: Case }, opening: StepOpening): FaultProof {
  return proofOf(of, ['refusal', 'form'], [opening], `step ${opening.step}: not committed as a refused run is`)
}

/** True for a step that is not committed as one behind a refusal is. */
export const isNothing = (step: StepOpening['leaf']): boolean =>
  [step.stateBefore, step.inputs, step.values, step.stateAfter, step.outputs].every((one) => equal(one, ZERO32))
