/**
 * Fault proofs as data: which referee, which fault, and the evidence behind the Case, in the order and with the field names of the contract's
 * function (contracts/referees/). `chain` makes calls of them.
 * @module
 */
import type { Bytes32 } from '../core/bytes.js'
import type { Path } from '../merkle/tree.js'
import type { Case, LeafOpening, StepOpening } from './openings.js'

/** The referees, by the names of their contracts without `Referee`. */
export const REFEREES = [
  'binding',
  'element',
  'choice',
  'expansion',
  'program',
  'refusal',
  'schedule',
  'verdict',
] as const

/** A referee. */
export type RefereeName = (typeof REFEREES)[number]

/** Evidence that a claim is false, for one function of one referee. */
export interface FaultProof {
  readonly referee: RefereeName
  /** The function, which is the fault's name. */
  readonly fault: string
  readonly case: Case
  /** What stands behind the Case. */
  readonly evidence: readonly unknown[]
  /** One line for people: where, and what. */
  readonly summary: string
}

/** A proof of a case. */
export function proofOf(
  { case: of }: { readonly case: Case },
  [referee, fault]: readonly [RefereeName, string],
  evidence: readonly unknown[],
  summary: string,
): FaultProof {
  return { referee, fault, case: of, evidence, summary }
}

/** A digest in a list of a step, and the same tensor's digest among its values (DigestEvidence of BindingReferee). */
export interface DigestEvidence {
  readonly step: StepOpening
  readonly index: number
  readonly found: Bytes32
  readonly foundPath: Path
  readonly expected: Bytes32
  readonly expectedPath: Path
  readonly leaf: LeafOpening
}

/** No leaf of the program is needed. */
export const NO_LEAF: LeafOpening = Object.freeze({ leaf: new Uint8Array(0), path: [] })
