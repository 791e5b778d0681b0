/**
 * Receipts: statements about runs, typed and signed. Each noun is a module with from, encode, decode, hash, sign and verify as far as
 * it has them.
 * @module
 */
export * as Claim from './claim.js'
export * as Equivocation from './equivocation.js'
export * as Job from './job.js'
export * as Metadata from './metadata.js'
export * as Policy from './policy.js'
export * as Receipt from './receipt.js'
export * as Refusal from './refusal.js'
export * as Seal from './seal.js'
export * as Signature from './signature.js'
export * as Signer from './signer.js'
export * as TypedData from './typed-data.js'
export * as Verdict from './verdict.js'
