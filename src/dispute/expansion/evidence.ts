/**
 * Evidence that an expansion is false, as the functions of contracts/referees/ExpansionReferee.sol take it.
 * @module
 */
import type { Bytes32 } from '../../core/bytes.js'
import { tileGrid, tileOf } from '../../merkle/tiles.js'
import { EMPTY_ROOT, hashLeaf, rootFromInclusion } from '../../merkle/tree.js'
import type { Expansion } from './expand.js'
import { formOf, openElement, openValue, type LeafOpening, type ListView } from '../openings.js'
import { NO_LEAF } from '../proof.js'
import { proveChoice, proveChoiceSize, type OwnChoice } from './choice.js'
import { blockAt, firstFault, type ExpansionFault, type Finding } from './finding.js'
import type { ExpansionProof, FormOpening, OtherExpansion, Subject } from './subject.js'
import { CHUNK, PADDING, type LinePlan, type Source } from './plan.js'

/**
 * The proof about an expansion that is not one's own, or about an element that does not follow from one that is.
 * @throws Fault `dispute/not-known` where a tile or a way that it needs was not revealed.
 */
export function proveExpansion(subject: Subject, own: Expansion, other: OtherExpansion): ExpansionProof {
  const found = other.index === undefined ? undefined : { index: other.index, leaf: other.leaf }
  const finding = firstFault(own, found)
  if (isChoice(own)) return proveChoice(subject, own, { finding, leaf: found?.leaf ?? own.leaves[0] })
  const leaf = (index: number): LeafOpening => ({
    leaf: index === other.index ? other.leaf : own.leaves[index],
    path: other.tree.path(index),
  })
  return { referee: 'expansion', fault: finding.fault, evidence: [evidenceFor({ subject, own, finding, leaf })] }
}

/** The evidence of ExpansionReferee for one finding; the leaves are what their provider committed. */
export function evidenceFor(known: Known): Readonly<Record<string, unknown>> {
  return { subject: openSubject(known.subject), ...EVIDENCE[known.finding.fault](known) }
}

/** The proof that a tree has another number of leaves than the element's expansion. */
export function proveSize(
  subject: Subject,
  own: Expansion,
  found: { readonly size: number | bigint; readonly root: Bytes32 },
): ExpansionProof {
  if (isChoice(own)) return proveChoiceSize(subject, own, found)
  const { size, root } = found
  return { referee: 'expansion', fault: 'size', evidence: [{ subject: openSubject(subject), size, root }] }
}

const isChoice = (own: Expansion): own is OwnChoice => own.plan.kind === 'witness'

function openSubject({ program, step, values, value, element }: Subject) {
  const node = program.values[value]
  const inputs = node.kind === 'node' ? node.inputs : []
  return { step, value, element, node: openValue(program, value), operands: inputs.map((at) => openForm(values, at)) }
}

/** The form of a value, with the root of its tiles. */
export function openForm(values: ListView, index: number): FormOpening {
  const view = values.tensor(index)
  const { count } = tileGrid(view.type)
  const tile = count === 0 ? undefined : view.tile(0)
  const root = tile ? rootFromInclusion(hashLeaf(tile.bytes), { index: 0, size: count }, tile.path) : EMPTY_ROOT
  return { form: formOf(view.type), root, path: values.path(index) }
}

// ---------------------------------------------------------------- by fault

/** What a finding is about. */
export interface Known {
  readonly subject: Subject
  readonly own: Expansion
  readonly finding: Finding
  /** A leaf of the provider's expansion with its way to the root. */
  leaf(index: number): LeafOpening
}

const EVIDENCE: Readonly<Record<ExpansionFault, (known: Known) => Readonly<Record<string, unknown>>>> = {
  size: ({ own }) => ({ size: own.size, root: own.root }),
  malformed: ({ finding: { index }, leaf }) => ({ index, leaf: leaf(index) }),
  witness: aboutGroup,
  larger: aboutGroup,
  rounded: aboutTerm,
  sum: aboutTail,
  total: aboutTail,
  half: aboutTail,
  blockSum: aboutTail,
  running: aboutTail,
  result: aboutResult,
}

/** The tile that holds an element of an operand, with its way to the root of the tiles. */
function openItem({ program, values, value }: Subject, { operand, element }: Source): LeafOpening {
  const node = program.values[value]
  const view = values.tensor(node.kind === 'node' ? node.inputs[operand] : value)
  const { bytes, path } = view.tile(tileOf(view.type, element).tile)
  return { leaf: bytes, path }
}

function aboutGroup(known: Known) {
  const { finding, leaf } = known
  const { index, side, member } = finding
  return { index, side, member, head: leaf(index), item: itemOf(known) }
}

/** What shows the magnitude of the member that the finding names; nothing for what is no member. */
function itemOf({ subject, own, finding, leaf }: Known): LeafOpening {
  const { plan } = own
  const { index, side, member } = finding
  const place = Number(member)
  switch (plan.kind) {
    case 'product':
      return holds(own, side, place) ? openItem(subject, { operand: side, element: place }) : NO_LEAF
    case 'blocks': {
      const { level } = blockAt(plan, index / 4)
      if (member >= BigInt(plan.levels[level].length)) return NO_LEAF
      if (level === 0) return openItem(subject, { operand: 0, element: plan.slice.from + place })
      return leaf(4 * (plan.levels[level - 1].first + place) + 3)
    }
    case 'line':
      return member < BigInt(plan.members) ? openItem(subject, plan.member(place)) : NO_LEAF
    default:
      return NO_LEAF
  }
}

const holds = ({ operands }: Expansion, operand: number, element: number): boolean =>
  element < operands[operand].data.length

function aboutTerm(known: Known) {
  const { own, finding, leaf } = known
  const { index, term } = finding
  const head = own.kind === 'line' ? 0 : index - (index % 4)
  return { index, term, head: leaf(head), units: leaf(index), ...termOf(known, head) }
}

/** The tiles of a term; none in the padding. Of an update also that of its index. */
function termOf({ subject, own, finding, leaf }: Known, head: number): { item: LeafOpening; gate: LeafOpening } {
  const { plan } = own
  const { index, side, term } = finding
  if (plan.kind === 'product') {
    const element = plan.pieces[head / 4].term(side, term)
    return { item: element === PADDING ? NO_LEAF : openItem(subject, { operand: side, element }), gate: NO_LEAF }
  }
  if (plan.kind === 'blocks') {
    const { level, block } = blockAt(plan, head / 4)
    const place = (2 * (block - plan.levels[level].first) + side) * CHUNK + term
    if (level === 0) return { item: openItem(subject, { operand: 0, element: plan.slice.from + place }), gate: NO_LEAF }
    return { item: leaf(4 * (plan.levels[level - 1].first + place) + 3), gate: NO_LEAF }
  }
  return gatedTerm(subject, plan as LinePlan, { own, term: ((index - 1) / 2) * CHUNK + term })
}

/** An update whose index is another place counts nothing, whatever it is. */
function gatedTerm(subject: Subject, plan: LinePlan, { own, term }: { own: Expansion; term: number }) {
  const { gate, ...source } = plan.term(term)
  if (gate === undefined) return { item: openItem(subject, source), gate: NO_LEAF }
  const hits = Number(own.operands[1].data[gate.element]) === gate.place
  return {
    item: hits ? openItem(subject, source) : NO_LEAF,
    gate: openItem(subject, { operand: 1, element: gate.element }),
  }
}

function aboutTail({ own: { kind }, finding: { fault, index, side }, leaf }: Known) {
  const needs = (...faults: readonly ExpansionFault[]) => faults.includes(fault)
  const optional = (is: boolean, at: number) => (is && at >= 0 ? leaf(at) : NO_LEAF)
  const head = index - 3
  return {
    index,
    side,
    before: optional(needs('total', 'running'), kind === 'product' ? index - 4 : index > 2 ? index - 2 : -1),
    head: optional(needs('total', 'blockSum'), head),
    left: optional(needs('sum', 'running') || (fault === 'half' && side === 0), kind === 'line' ? index - 1 : head + 1),
    right: optional(needs('sum') || (fault === 'half' && side === 1), head + 2),
    tail: leaf(index),
  }
}

function aboutResult({ subject: { values, value, element }, own, leaf }: Known) {
  return {
    head: own.kind === 'line' ? leaf(0) : NO_LEAF,
    last: leaf(own.size - 1),
    output: openElement(values, value, element),
  }
}
