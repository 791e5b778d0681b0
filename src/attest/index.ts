/**
 * Attestations: portable statements made of receipts.
 * @module
 */
export * as Attestation from './attestation.js'
export * as Policies from './policies.js'
export * as Quorum from './quorum.js'
