/**
 * Disputes: one's own run of a claim, the search for what is wrong with it, the proof that a contract rules on, and a provider's answers to
 * questions (docs/disputes.md). `countersign/chain` carries questions, answers and proofs over a chain.
 * @module
 */
export { Book, type Demand, type OwnRun } from './book.js'
export { deciderOf } from './element.js'
export type { Case, Form } from './openings.js'
export { runFor, type RunOptions } from './own-run.js'
export { REFEREES, type FaultProof, type RefereeName } from './proof.js'
export { FORMS, TILE, type Answer, type Ask, type Move, type Question, type ShownRefusal } from './question.js'
export type { Retraced, TracedStep } from './retrace.js'
export type { Challenge } from './scene.js'
export { findFault } from './search.js'
