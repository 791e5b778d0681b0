/**
 * Attestations: portable statements made of receipts.
 * @module
 */
export * as Attestation from './attestation.js'
export * as Beacon from './beacon.js'
export * as BlockBeacon from './block.js'
export * as Challenge from './challenge.js'
export * as Learning from './learning.js'
export * as NonceBeacon from './nonce.js'
export * as Policies from './policies.js'
export * as Proof from './proof.js'
export * as Quorum from './quorum.js'
export * as RoundBeacon from './round.js'
export * as Rounds from './diloco.js'
export * as Sighting from './sighting.js'
