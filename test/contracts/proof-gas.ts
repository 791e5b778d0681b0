/**
 * What proofs cost on a chain, whole transactions with their base cost and calldata.
 * @module
 */
import type { Signer } from 'ethers/providers'
import { accountOn, connect, Jobs, Proofs, type Connection } from '../../src/chain/index.js'
import { PROVEN_CLAIMS_ABI } from '../../src/chain/abi.generated.js'
import { callsOf, type Caller } from '../../src/chain/calls.js'
import type { ContractCode } from '../../src/chain/code.js'
import { toHex } from '../../src/core/bytes.js'
import type { Tensor } from '../../src/core/tensor.js'
import { codeOf } from '../../src/disk/contracts.js'
import * as Job from '../../src/receipt/job.js'
import * as Policy from '../../src/receipt/policy.js'
import { fromKey, type AccountSigner } from '../../src/receipt/signer.js'
import { claimOfProof, encodeProven, provenPolicy, type ClaimForm } from '../../src/zk/bind.js'
import { toBytes } from '../../src/zk/field.js'
import type { VerificationKey } from '../../src/zk/keys.js'
import type { Proof } from '../../src/zk/prove.js'
import { addressOf, dense32, passing, TERMS, type GasCourt } from './gas-court.js'
import { gasUsed, type EvmNode } from './node.js'
import { image, proofOf, publicsOfRun, ran, type Prover } from './provers.js'

const hex = (bytes: Uint8Array): string => `0x${toHex(bytes)}`

/** A proof that is shown to a contract. */
export interface Shown {
  readonly key: VerificationKey
  readonly form: ClaimForm
  readonly proof: Proof
  readonly output?: Tensor
  /** Of a PLONK key. */
  readonly written?: ContractCode
}

/** Gas of transactions, and bytes of calldata. */
export interface ProofGas {
  /** ProvenClaims.verify, called by an account. */
  readonly verify: number
  readonly calldata: number
  /** All contracts of the key. */
  readonly deploy: number
}

const [REQUESTER, PROVIDER] = [0x11, 0x22].map((byte) => fromKey(new Uint8Array(32).fill(byte)))

/** An account with coins. */
async function callerOn({ provider }: EvmNode, signer: AccountSigner): Promise<Caller & { signer: Signer }> {
  await provider.send('anvil_setBalance', [signer.address, `0x${(10n ** 24n).toString(16)}`])
  return { provider, signer: accountOn(signer, provider), patience: 20_000 }
}

const as = ({ connection, node }: GasCourt, signer: AccountSigner): Promise<Connection> =>
  connect(connection.deployment, accountOn(signer, node.provider), { poll: 10 })

/** A deadline without a zero byte. */
const DEADLINE = 0xf4865fffn

function jobUnder(policy: Policy.Policy): Job.Job {
  const bytes = { program: dense32(1), initialState: dense32(2), inputs: dense32(3), salt: dense32(4) }
  const whole = { steps: 1n, commitEvery: 1n, operatorTrace: false, deadline: DEADLINE }
  return Job.from({ ...bytes, ...whole, policy: Policy.hash(policy), requester: addressOf(REQUESTER) })
}

/** What a proof costs to verify: the contract recomputes everything but the words of the job, which may be any here. */
export async function proofGas(node: EvmNode, { key, form, proof, output, written }: Shown): Promise<ProofGas> {
  const by = await callerOn(node, REQUESTER)
  let deploy = 0
  const onProgress = ({ gas }: { gas: bigint }) => void (deploy += Number(gas))
  const { claims } = await Proofs.deployVerifier(by, { key, form }, { codeOf, allowUnsafe: true, written, onProgress })
  const policy = provenPolicy(proof.publics)
  const job = jobUnder(policy)
  const claim = claimOfProof(job, form, { rootOut: proof.publics.rootOut, output })
  // One of the eight words that have this context.
  const whole = toBytes(proof.publics.context)
  const context = whole.map((byte, i) => ((byte << 3) | ((whole[i + 1] ?? 255) >> 5)) & 255)
  const bytes = encodeProven({ policy, publics: proof.publics, output, proof: proof.bytes })
  const calls = callsOf(PROVEN_CLAIMS_ABI, { name: 'ProvenClaims', address: claims }, by)
  if (!(await calls.read('verify', job, claim, context, bytes))) throw new Error('the proof does not hold')
  const data = calls.encode('verify', [job, claim, context, bytes])
  // With less gas than it takes, a verifier may say no and not revert: what a node estimates is too little.
  const sent = await by.signer.sendTransaction({ to: claims, data: hex(data), gasLimit: 4_000_000 })
  return { verify: await gasUsed(node, sent.hash), calldata: data.length, deploy }
}

/** A job posted, and settled by its proof: everything that is written and paid included. */
export function settlementGas(court: GasCourt, prover: Prover): Promise<{ post: number; settle: number }> {
  return passing(court, async () => {
    const [requester, provider] = [await as(court, REQUESTER), await as(court, PROVIDER)]
    const { form, key } = prover
    const options = { codeOf, allowUnsafe: true }
    const { claims } = await Proofs.deployVerifier(requester, { key: key.verification, form }, options)
    const run = await ran(prover, [image(1, -2, 3)])
    const policy = provenPolicy(publicsOfRun(prover, run))
    const job = jobUnder(policy)
    const posted = { hash: Job.hash(job), job, policy, terms: { ...TERMS, verifier: claims } }
    const { gas: post } = await Jobs.post(requester, posted)
    const payee = addressOf(PROVIDER)
    const proof = await proofOf(prover, run, Proofs.contextOn(provider, posted, payee))
    const proven = { form, proof, output: form.output && run.outputs[0], provider: payee }
    const { gas: settle } = await Proofs.settleByProof(provider, posted, proven)
    return { post: Number(post), settle: Number(settle) }
  })
}
