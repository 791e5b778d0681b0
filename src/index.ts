/**
 * Countersign: run ONNX models with exact arithmetic, commit to what was computed, and produce receipts that anybody can verify.
 *
 * Nouns are modules, verbs are functions: `Model.decode`, `Program.compile`, `Trace.record`, `Bundle.verify`, `Audit.replay` ...
 * This entry loads in Node and in browsers. Runtimes, files and settlement trees are entries of their own:
 * `countersign/runtime/ort-node`, `countersign/runtime/ort-web`, `countersign/disk`, `countersign/settlement`, `countersign/chain`.
 * @module
 */
export { check, type Checked } from './core/check.js'
export { FAULTS, Fault, type FaultCode, type FaultDetail } from './core/faults.js'
export * as Bytes from './core/bytes.js'
export type { Json } from './core/json.js'
export * as Tensor from './core/tensors.js'
export * as Merkle from './merkle/index.js'
export * as Model from './onnx/index.js'
export * as Program from './exact/index.js'
export { Adapters, Autodiff, Diloco, LearningRate, Loss, Optimizer, Recipe, Training } from './autodiff/index.js'
export * as Data from './data/index.js'
export * as Runtime from './runtime/index.js'
export * as Quantize from './quantize/index.js'
export * as Trace from './trace/index.js'
export {
  Claim,
  Equivocation,
  Job,
  Metadata,
  Policy,
  Receipt,
  Refusal,
  Seal,
  Signature,
  Signer,
  TypedData,
  Verdict,
} from './receipt/index.js'
export type { Address, Field, FieldsOf, Input, InputOf } from './receipt/fields.js'
export * as Bundle from './receipt/bundle.js'
export * as Provider from './receipt/provide.js'
export * as Audit from './audit/index.js'
export {
  Attestation,
  Beacon,
  BlockBeacon,
  Challenge,
  Learning,
  NonceBeacon,
  Policies,
  Proof,
  Quorum,
  RoundBeacon,
  Rounds,
  Sighting,
} from './attest/index.js'
export * as Difference from './dispute/difference.js'
export * as Dispute from './dispute/index.js'
