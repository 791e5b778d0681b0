/**
 * Expansions: one element of a sum, a product or a choice, taken apart into leaves of which each follows from a few others and one element of an
 * operand. A false element of a value of any size is thereby shown at constant cost (docs/disputes.md, expansions; contracts/referees).
 * @module
 */
export { expand, isExpandable, layoutOf, type Expansion, type ExpansionLayout } from './expansion/expand.js'
export { evidenceFor, proveExpansion, proveSize } from './expansion/evidence.js'
export { firstFault, type ExpansionFault, type Finding } from './expansion/finding.js'
export type { ExpansionProof, FormOpening, OtherExpansion, Subject } from './expansion/subject.js'
