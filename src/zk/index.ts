/**
 * Zero-knowledge proofs of what integer programs compute: circuits, commitments, keys, proofs. Loads in Node and in browsers;
 * compiling circuits (`countersign/zk/compile`) and writing Solidity (`countersign/zk/export`) belong to Node.
 *
 * circuitOf -> compile -> setUp or unsafeKey; signalsOf -> generator -> prove -> verifyProof. Verifying needs neither snarkjs nor circom.
 *
 * @example
 * const circuit = circuitOf(program, { blocks, baked: state })
 * const key = await checkKey(zkey, { r1cs, powers, pins })
 * const proof = await prove(key, (await generator(wasm)).witness(signalsOf(circuit, { state, inputs, context })))
 * const { statement, rootIn, rootOut } = await verifyProof(proof, key.verification)
 * @module
 */
export { circuitOf, type Circuit, type CircuitOptions, type Layouts } from './circuit.js'
export { decode as decodeBlocks, type Block, type Blocks } from './blocks.js'
export { commit, commitList, layoutOf, statementOf, type Layout } from './commit.js'
export { publicsOf, type Bound, type Publics, type Run } from './publics.js'
export { commitDataset, openSamples, rootOfSamples, type Dataset, type Members, type Samples } from './samples.js'
export * from './bind.js'
export { generator, signalsOf, type Generator, type Signals, type Step } from './witness.js'
export { decodeSystem, verifyWitness, type Combination, type Constraint, type System } from './r1cs.js'
export { checkPowers, decodePowers, unsafePowers, type CheckPowersOptions, type Powers } from './powers.js'
export {
  checkKey,
  contribute,
  decodeVerificationKey,
  demandSound,
  encodeVerificationKey,
  powerOf,
  provingKeyOf,
  setUp,
  unsafeKey,
  type Allowance,
  type CheckOptions,
  type ContributeOptions,
  type Groth16Key,
  type Pins,
  type PlonkKey,
  type ProvingKey,
  type Scheme,
  type SetUp,
  type SetUpOptions,
  type UnsafeOptions,
  type VerificationKey,
} from './keys.js'
export type { G1, G2 } from './points.js'
export type { Groth16Points, PlonkPoints } from './verification-key.js'
export { PROOF_BYTES, decodeProof, encodeProof, prove, verifyProof, type Proof } from './prove.js'
export { proveInWorker, type WorkerLike, type WorkerOptions } from './worker.js'
export { withThreads, type Progress } from './curve.js'
export {
  decodeManifest,
  encodeManifest,
  manifestOf,
  verifyManifest,
  type CheckedManifest,
  type ClaimedManifest,
  type Hiding,
  type TensorManifest,
} from './manifest.js'
