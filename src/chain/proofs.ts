/**
 * Verifiers of proofs on a chain: deployed for a key and the form of a circuit's claims, named in the terms of proven jobs (`Terms.verifier`), and
 * looked at before anybody relies on them. A job is posted with `Jobs.post` under `provenPolicy`.
 * @module
 */
import { demand } from '../core/faults.js'
import { DTYPES, type Tensor } from '../core/tensor.js'
import type { Address } from '../receipt/fields.js'
import { claimOfProof, contextOf, encodeProven, type ClaimForm } from '../zk/bind.js'
import { tagOf } from '../zk/commit.js'
import type { Proof } from '../zk/prove.js'
import { demandSound, type Allowance, type Groth16Key, type VerificationKey } from '../zk/verification-key.js'
import { PLONK_GATE_ABI, PROVEN_CLAIMS_ABI } from './abi.generated.js'
import { callsOf, type Caller, type Landed } from './calls.js'
import {
  put,
  putBytes,
  verifyCode,
  verifyDeployed,
  type CodeOf,
  type ContractCode,
  type Deployed,
  type Putting,
  type Standing,
} from './code.js'
import type { Connection } from './connection.js'
import { settleProven, type PostedJob } from './jobs.js'

export { formOf, provenPolicy, type ClaimForm, type Payee } from '../zk/bind.js'

/** What a verifier is for: one key, and what is claimed of what it shows. */
export interface Verifying {
  readonly key: VerificationKey
  readonly form: ClaimForm
}

/** The contracts that verify under one key. */
export interface VerifierContracts {
  /** What the terms of a proven job name. */
  readonly claims: Address
  /** What it asks about proofs: a Groth16Verifier, or a PlonkGate. */
  readonly verifier: Address
}

/** Where code is from, and what is allowed. */
export interface VerifierOptions extends Allowance {
  /** `codeOf` of `countersign/disk`. */
  readonly codeOf: CodeOf
  /** Of a PLONK key: what a Solidity compiler made of the verifier that was written for it. */
  readonly written?: Pick<ContractCode, 'bytecode' | 'deployedBytecode'>
}

/**
 * Puts the verifier of a key on the chain: two transactions, about 4 million gas in all; for PLONK three.
 * @throws Fault `zk/unsafe-key` unless that is allowed, `zk/forgeable-key`, `zk/no-contribution`; `zk/unsupported` for a PLONK key without its
 * written verifier; `chain/no-funds`, `chain/no-signer`, `chain/timed-out`, `chain/failed`, `chain/reverted`.
 */
export async function deployVerifier(
  by: Caller,
  { key, form }: Verifying,
  options: VerifierOptions & { readonly onProgress?: (deployed: Deployed) => void },
): Promise<VerifierContracts> {
  demandSound(key, options)
  const putting: Putting = { ...by, codeOf: options.codeOf, onProgress: options.onProgress }
  const verifier = key.scheme === 'plonk' ? await putPlonk(putting, options) : await putGroth16(putting, key)
  const [claims] = await put(putting, 'ProvenClaims', [verifier, formOut(form)])
  return Object.freeze({ claims, verifier })
}

async function putGroth16(by: Putting, key: Groth16Key): Promise<Address> {
  const [address] = await put(by, 'Groth16Verifier', [keyOut(key)])
  return address
}

async function putPlonk(by: Putting, options: VerifierOptions): Promise<Address> {
  const [own] = await putBytes(by, 'PlonkVerifier', demandWritten(options).bytecode)
  const [address] = await put(by, 'PlonkGate', [own])
  return address
}

function demandWritten({ written }: VerifierOptions): NonNullable<VerifierOptions['written']> {
  demand(written !== undefined, 'zk/unsupported', () => 'a PLONK key comes with the code of its written verifier')
  return written
}

const keyOut = ({ points: { alpha, beta, gamma, delta, ic } }: Groth16Key) => {
  return { alpha, beta, gamma, delta, ic: ic.flat() }
}

const formOut = ({ step, output }: ClaimForm) => {
  if (output === undefined) return { isStep: step, width: 0, dtype: 0, dims: [], tag: 0n }
  const { width, dtype, dims, shape } = output
  const tag = shape === 'packed' ? 0n : tagOf(output)
  return { isStep: step, width, dtype: DTYPES[dtype].code, dims: dims.map(BigInt), tag }
}

/**
 * Both contracts behind the verifier that some terms name, after they were found to be, byte for byte, what deploying our code for this key and form
 * gives. Who pays and who proves looks before it posts or works: a verifier may be any contract. Trust: the node that is asked.
 * @throws Fault `chain/no-contract`, `chain/wrong-contract`; `zk/unsafe-key` unless that is allowed, `zk/forgeable-key`, `zk/no-contribution`;
 * `zk/unsupported` for a PLONK key without its written verifier.
 */
export async function verifyVerifier(
  { provider, patience }: Pick<Caller, 'provider' | 'patience'>,
  claims: Address,
  { key, form, ...options }: Verifying & VerifierOptions,
): Promise<VerifierContracts> {
  demandSound(key, options)
  const by: Caller = { provider, patience, signer: undefined }
  const { codeOf } = options
  const at = (address: Address): Standing => ({ address, provider, codeOf })
  await verifyCode('ProvenClaims', await codeOf('ProvenClaims'), { address: claims, provider })
  const verifier = await callsOf(PROVEN_CLAIMS_ABI, { name: 'ProvenClaims', address: claims }, by).read('VERIFIER')
  await verifyDeployed('ProvenClaims', [verifier, formOut(form)], at(claims))
  if (key.scheme === 'groth16') await verifyDeployed('Groth16Verifier', [keyOut(key)], at(verifier))
  else await verifyPlonk(by, at(verifier), options)
  return Object.freeze({ claims, verifier })
}

async function verifyPlonk(by: Caller, standing: Standing, options: VerifierOptions): Promise<void> {
  const { address, provider } = standing
  await verifyCode('PlonkGate', await options.codeOf('PlonkGate'), { address, provider })
  const own = await callsOf(PLONK_GATE_ABI, { name: 'PlonkGate', address }, by).read('VERIFIER')
  await verifyDeployed('PlonkGate', [own], standing)
  const { bytecode, deployedBytecode } = demandWritten(options)
  await verifyCode('PlonkVerifier', { bytecode, deployedBytecode }, { address: own, provider })
}

// ---------------------------------------------------------------- being paid

/** What a proof of a job on this chain names as its context. */
export const contextOn = (
  { deployment: { chainId, settlement } }: Pick<Connection, 'deployment'>,
  { hash }: Pick<PostedJob, 'hash'>,
  provider: Address,
): bigint => contextOf({ chainId, settlement, job: hash, provider })

/** A run that was proven for a job. */
export interface ProvenRun {
  readonly form: ClaimForm
  readonly proof: Proof
  /** Where the form has a public output, the tensor. */
  readonly output?: Tensor
  /** Whom the proof's context names. */
  readonly provider: Address
}

/**
 * Has the provider paid for its proof. By anybody.
 * @throws Fault `zk/bad-length`, `chain/reverted` (BadProof where the proof does not hold for this job and provider, NotNamed, WrongRoot, JobClosed,
 * TooLate ...).
 */
export function settleByProof(
  connection: Connection,
  { job, policy, terms }: Omit<PostedJob, 'hash'>,
  { form, proof, output, provider }: ProvenRun,
): Promise<Landed> {
  const { publics, bytes } = proof
  const claim = claimOfProof(job, form, { rootOut: publics.rootOut, output })
  const proven = encodeProven({ policy, publics, output, proof: bytes })
  return settleProven(connection, { job, terms }, { claim, provider, proof: proven })
}
