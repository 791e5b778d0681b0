/**
 * What ties a proof to a job: the context that names who is paid, what a policy says that a proof must be about, and what is claimed then.
 * contracts/proofs/ProvenClaims.sol computes the same.
 * @module
 */
import { encodeAbi } from '../core/abi.js'
import { ZERO32, utf8, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { keccak256 } from '../core/keccak.js'
import { byteLength, bytesOf, type Tensor } from '../core/tensor.js'
import { from as claimFrom, type Claim } from '../receipt/claim.js'
import type { Address } from '../receipt/fields.js'
import { hash as hashJob, type Job } from '../receipt/job.js'
import { POLICY_KINDS, claimed, from as policyFrom, type Policy } from '../receipt/policy.js'
import { rootOfTensors } from '../trace/digests.js'
import type { Circuit } from './circuit.js'
import type { Layout } from './commit.js'
import { element, integerOf } from './field.js'
import type { Publics } from './publics.js'

/** For whom a proof is made, and where it counts. */
export interface Payee {
  readonly chainId: bigint
  /** The settlement contract. */
  readonly settlement: Address
  /** hashStruct of the job. */
  readonly job: Bytes32
  readonly provider: Address
}

/**
 * The public input `context`: keccak256(abi.encode(chainId, settlement, job, provider)) without its three lowest bits, below the order of the
 * field. The job's hash covers requester, salt and policy.
 */
export function contextOf({ chainId, settlement, job, provider }: Payee): bigint {
  const types = ['uint256', 'address', 'bytes32', 'address']
  return integerOf(keccak256(encodeAbi(types, [chainId, settlement, job, provider]))) >> 3n
}

const tagged = (tag: string, ...words: readonly bigint[]): Bytes32 =>
  keccak256(encodeAbi(['bytes32', ...words.map(() => 'uint256')], [keccak256(utf8(tag)), ...words.map(element)]))

/** What a proven job's policy holds beside its kind: statement and inputs, named before the work is done. @throws Fault `zk/not-in-field`. */
export const extensionOf = (statement: bigint, rootIn: bigint): Bytes32 =>
  tagged('countersign proven job 1', statement, rootIn)

/** What is claimed of something that is known by its Poseidon root alone. @throws Fault `zk/not-in-field`. */
export const sealedRoot = (root: bigint): Bytes32 => tagged('countersign poseidon root 1', root)

/** The policy of a job that is paid for a proof of this statement on these inputs. @throws Fault `zk/not-in-field`. */
export const provenPolicy = ({ statement, rootIn }: Pick<Publics, 'statement' | 'rootIn'>): Policy =>
  policyFrom({ ...claimed(), kind: 'proven', extension: extensionOf(statement, rootIn) })

// ---------------------------------------------------------------- claims

/** What a circuit's claims are about. */
export interface ClaimForm {
  /** A training step: the claim is about the state after it. */
  readonly step: boolean
  /** How the output is committed that comes with the claim; without, outputs are claimed by their Poseidon root. */
  readonly output?: Layout
}

/** Bytes, and dimensions, of an output that a contract hashes. */
const [MOST_BYTES, MOST_DIMS] = [1024, 7]

/**
 * The form of a circuit's claims. One unsalted output of at most 1 KiB comes with the claim, unless `sealed` says otherwise; everything else is
 * claimed by its root, and whoever pays for that pays whether or not it ever sees what the root is of.
 */
export function formOf(
  { program, layouts: { outputs } }: Pick<Circuit, 'program' | 'layouts'>,
  { sealed = false }: { readonly sealed?: boolean } = {},
): ClaimForm {
  const step = program.carries.length > 0
  const [output] = outputs
  const hidden = sealed || step || outputs.length !== 1 || output.salted || output.shape === 'leaves'
  if (hidden || output.dims.length > MOST_DIMS || byteLength(output) > MOST_BYTES) return { step }
  return { step, output }
}

/**
 * What is claimed of a run that is proven. A public output is claimed as in any receipt; no proof shows a run, so `run` is zero.
 * @throws Fault `zk/bad-length` where an output is missing or there is none in the form, `zk/not-in-field`.
 */
export function claimOfProof(job: Job, form: ClaimForm, { rootOut, output }: ProvenOutput): Claim {
  const fits = (form.output === undefined) === (output === undefined)
  demand(fits, 'zk/bad-length', () => 'the output comes just where the form has one')
  const outputs = output === undefined ? sealedRoot(rootOut) : rootOfTensors('outputs', [output])
  const finalState = form.step ? outputs : job.initialState
  return claimFrom({ job: hashJob(job), outputs, finalState, run: ZERO32 })
}

/** What came out. */
export interface ProvenOutput {
  readonly rootOut: bigint
  /** Where the form has a public output, the tensor. */
  readonly output?: Tensor
}

// ---------------------------------------------------------------- what goes to the contract

const POLICY = '(uint8,uint16,uint16,uint16,uint64,address[],bytes32)'
const PROVEN = [POLICY, 'uint256', 'uint256', 'uint256', 'bytes', 'bytes']

/** A proof with what the contract has to see beside it. */
export interface Proven {
  readonly policy: Policy
  readonly publics: Publics
  /** Of a circuit with a public output: the tensor itself. */
  readonly output?: Tensor
  /** The proof's bytes, 256 of Groth16, 768 of PLONK. */
  readonly proof: Uint8Array
}

/**
 * The bytes that `settleProven` takes as a proof: abi.encode(policy, statement, rootIn, rootOut, output, proof). The context is not among them:
 * the contract computes it.
 * @throws Fault `zk/not-in-field`.
 */
export function encodeProven({ policy, publics, output, proof }: Proven): Uint8Array {
  const { kind, replicas, threshold, samples, window, auditors, extension } = policy
  const said = [POLICY_KINDS.indexOf(kind), replicas, threshold, samples, window, auditors, extension]
  const roots = [publics.statement, publics.rootIn, publics.rootOut].map(element)
  return encodeAbi(PROVEN, [said, ...roots, output === undefined ? new Uint8Array(0) : bytesOf(output), proof])
}
