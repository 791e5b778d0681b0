/**
 * What proofs cost on a chain, whole transactions with their base cost and calldata: `npm run bench -- zk-gas [--json]`. Proofs are drawn, so the zero
 * bytes among their 256 differ from one to the next: by some hundred gas at the most.
 */
import { accountOn, connect, Jobs, Proofs, type Connection } from '../src/chain/index.js'
import { PROVEN_CLAIMS_ABI } from '../src/chain/abi.generated.js'
import { callsOf } from '../src/chain/calls.js'
import type { ContractCode } from '../src/chain/code.js'
import { codeOf } from '../src/disk/contracts.js'
import type { Tensor } from '../src/core/tensor.js'
import * as Job from '../src/receipt/job.js'
import * as Policy from '../src/receipt/policy.js'
import type { AccountSigner } from '../src/receipt/signer.js'
import { claimOfProof, encodeProven, formOf, provenPolicy, type ClaimForm } from '../src/zk/bind.js'
import { toBytes } from '../src/zk/field.js'
import { unsafeKey, type VerificationKey } from '../src/zk/keys.js'
import { poseidonGas } from '../test/contracts/poseidon.js'
import { prove, type Proof } from '../src/zk/prove.js'
import { isMain } from '../scripts/markdown.js'
import {
  addressOf,
  dense32,
  openGasCourt,
  passing,
  sendFrom,
  TERMS,
  type GasCourt,
} from '../test/contracts/gas-court.js'
import { startNode } from '../test/contracts/node.js'
import { classifierProver, image, proofOf, publicsOfRun, ran, type Prover } from '../test/contracts/provers.js'
import { writtenVerifier } from '../test/contracts/written.js'
import { tiny } from '../test/zk/tiny.js'
import { print } from './measure.js'

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

const as = ({ connection, node }: GasCourt, signer: AccountSigner): Promise<Connection> =>
  connect(connection.deployment, accountOn(signer, node.provider), { poll: 10 })

/** A deadline without a zero byte. */
const DEADLINE = 0xf4865fffn

function jobUnder({ requester }: GasCourt, policy: Policy.Policy): Job.Job {
  const bytes = { program: dense32(1), initialState: dense32(2), inputs: dense32(3), salt: dense32(4) }
  const whole = { steps: 1n, commitEvery: 1n, operatorTrace: false, deadline: DEADLINE }
  return Job.from({ ...bytes, ...whole, policy: Policy.hash(policy), requester: addressOf(requester) })
}

/** What a proof costs to verify: the contract recomputes everything but the words of the job, which may be any here. */
export function proofGas(court: GasCourt, shown: Shown): Promise<ProofGas> {
  const { key, form, proof, output, written } = shown
  return passing(court, async () => {
    const by = await as(court, court.requester)
    let deploy = 0
    const onProgress = ({ gas }: { gas: bigint }) => void (deploy += Number(gas))
    const options = { codeOf, allowUnsafe: true, written, onProgress }
    const { claims } = await Proofs.deployVerifier(by, { key, form }, options)
    const policy = provenPolicy(proof.publics)
    const job = jobUnder(court, policy)
    const claim = claimOfProof(job, form, { rootOut: proof.publics.rootOut, output })
    // Any of the eight words that have this context.
    const context = toBytes(proof.publics.context).map(
      (byte, i, all) => ((byte << 3) | ((all[i + 1] ?? 0xff) >> 5)) & 255,
    )
    const bytes = encodeProven({ policy, publics: proof.publics, output, proof: proof.bytes })
    const calls = callsOf(PROVEN_CLAIMS_ABI, { name: 'ProvenClaims', address: claims }, by)
    if (!(await calls.read('verify', job, claim, context, bytes))) throw new Error('the proof does not hold')
    const data = calls.encode('verify', [job, claim, context, bytes])
    const { gas, calldata } = await sendFrom(court, { from: court.provider, to: claims, data })
    return { verify: gas, calldata, deploy }
  })
}

/** A job posted, and settled by its proof: everything that is written and paid included. */
function settlement(court: GasCourt, prover: Prover): Promise<{ post: number; settle: number }> {
  return passing(court, async () => {
    const [requester, provider] = [await as(court, court.requester), await as(court, court.provider)]
    const { form, key } = prover
    const options = { codeOf, allowUnsafe: true }
    const { claims } = await Proofs.deployVerifier(requester, { key: key.verification, form }, options)
    const run = await ran(prover, [image(1, -2, 3)])
    const policy = provenPolicy(publicsOfRun(prover, run))
    const job = jobUnder(court, policy)
    const posted = { hash: Job.hash(job), job, policy, terms: { ...TERMS, verifier: claims } }
    const { gas: post } = await Jobs.post(requester, posted)
    const payee = addressOf(court.provider)
    const proof = await proofOf(prover, run, Proofs.contextOn(provider, posted, payee))
    const proven = { form, proof, output: form.output && run.outputs[0], provider: payee }
    const { gas: settle } = await Proofs.settleByProof(provider, posted, proven)
    return { post: Number(post), settle: Number(settle) }
  })
}

/** Every case with its figures. */
async function cases(court: GasCourt): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>> {
  const prover = await classifierProver()
  const run = await ran(prover, [image(1, -2, 3)])
  const [output] = run.outputs
  const proof = await proofOf(prover, run, CONTEXT)
  const key = prover.key.verification
  const small = await tiny()
  const own = await unsafeKey(small.r1cs, { scheme: 'plonk' })
  const plonk = await prove(own, small.witness(5n, CONTEXT))
  const sealed: ClaimForm = { step: false }
  return {
    'groth16-output-10': { ...(await proofGas(court, { key, form: formOf(prover.circuit), proof, output })) },
    'groth16-sealed': { ...(await proofGas(court, { key, form: sealed, proof })) },
    'plonk-sealed': {
      ...(await proofGas(court, {
        key: own.verification,
        form: sealed,
        proof: plonk,
        written: await writtenVerifier(own),
      })),
    },
    'job-output-10': await settlement(court, prover),
    poseidon: { hash: await poseidonGas(court.node) },
  }
}

/** A context without a zero byte. */
const CONTEXT = BigInt(`0x${'1b'.repeat(32)}`)

if (isMain(import.meta.url)) {
  const node = await startNode()
  try {
    for (const [name, figures] of Object.entries(await cases(await openGasCourt(node))))
      for (const [metric, value] of Object.entries(figures))
        print({ bench: 'zk-gas', case: name, metric, value, unit: metric === 'calldata' ? 'bytes' : 'gas' })
  } finally {
    await node.stop()
  }
}
