/**
 * The moves of a dispute: what a challenger asks for, and what a provider answers. A question is a hash out of the provider's own commitments,
 * the answer its preimage; contracts/Dispute.sol checks both.
 * @module
 */
import type { Bytes32 } from '../core/bytes.js'
import type { Path } from '../merkle/tree.js'
import type { RunRefusal } from '../trace/refusal.js'
import type { Step } from '../trace/step.js'
import type { Form } from './openings.js'

/** What sort of thing is asked for; the number stands in the contract. */
export const FORMS = { none: 0, list: 1, node: 2, leaf: 3, digest: 4, trace: 5, expansion: 6 } as const

/** Kind of the leaves of a tensor, beside the kinds of sized roots. */
export const TILE = 0

/** What a provider is asked for. */
export interface Question {
  readonly form: keyof typeof FORMS
  /** Number of the kind of list or tree (docs/formats.md), or {@link TILE}. */
  readonly kind: number
  /** Leaves under a node, items of a list. */
  readonly size: number
  readonly hash: Bytes32
}

/** How a challenger comes to its next question; the names are those of the contract's functions. */
export type Move =
  | { readonly name: 'demandRun' }
  | { readonly name: 'demandTrace'; readonly leaf: number }
  | { readonly name: 'demandExpansion'; readonly step: number; readonly value: number; readonly element: number }
  | {
      readonly name: 'descend'
      readonly run: number
      readonly index: number
      readonly hash: Bytes32
      readonly path: Path
    }
  | { readonly name: 'descendStep'; readonly step: Step; readonly field: number }
  | { readonly name: 'descendItem'; readonly item: Bytes32 }
  | { readonly name: 'descendTensor'; readonly form: Form; readonly root: Bytes32 }

/** A refusal as a contract has it, which may be none that a run can meet. */
export interface ShownRefusal {
  readonly refused: boolean
  readonly step: number | bigint
  readonly node: number
  readonly element: number | bigint
  readonly reason: number
}

/** What a provider says; the names are those of the contract's functions. */
export type Answer =
  | { readonly name: 'answerChildren'; readonly children: readonly Bytes32[] }
  | { readonly name: 'answerLeaf'; readonly leaf: Uint8Array }
  | { readonly name: 'answerDigest'; readonly form: Form; readonly root: Bytes32 }
  | { readonly name: 'answerRefusal'; readonly refusal: RunRefusal | undefined; readonly shown?: ShownRefusal }
  | { readonly name: 'answerCommitment'; readonly size: number | bigint; readonly root: Bytes32 }

/** Puts one question to a provider, by way of a contract or not. @throws Fault `dispute/silent` where no right answer comes. */
export type Ask = (move: Move, question: Question) => Promise<Answer>
