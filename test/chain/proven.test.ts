import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  Jobs,
  Proofs,
  Terms,
  connect,
  headOf,
  idOf,
  isRevert,
  revertOf,
  type Connection,
} from '../../src/chain/index.js'
import { Fault } from '../../src/core/faults.js'
import { codeOf } from '../../src/disk/contracts.js'
import type { Address } from '../../src/receipt/fields.js'
import * as Job from '../../src/receipt/job.js'
import * as Policy from '../../src/receipt/policy.js'
import { contribute, provingKeyOf, unsafeKey, type Groth16Key, type ProvingKey } from '../../src/zk/keys.js'
import { prove } from '../../src/zk/prove.js'
import type { Publics } from '../../src/zk/publics.js'
import { verificationKey } from '../../src/zk/verification-key.js'
import { startNode, type EvmNode } from '../contracts/node.js'
import { writtenVerifier } from '../contracts/written.js'
import { fill } from '../receipt/samples.js'
import { tiny, type Tiny } from '../zk/tiny.js'
import { ALICE, ANYBODY, DAY, REQUESTER, addressOf, worldOn, type World } from './world.js'

let node: EvmNode
let world: World
let circuit: Tiny
let key: ProvingKey
let [requester, anybody] = [] as unknown as Connection[]
beforeAll(async () => {
  node = await startNode()
  world = await worldOn(node)
  circuit = await tiny()
  key = await unsafeKey(circuit.r1cs)
  ;[requester, anybody] = [await world.as(REQUESTER), await world.as(ANYBODY)]
}, 120_000)
afterAll(() => node?.stop())

const faultOf = (work: Promise<unknown>): Promise<Fault | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => error as Fault,
  )

/** The circuit has no tensors: what comes out of it is known by its root alone. */
const FORM = { step: false }
const X = 5n
const allowed = { codeOf, allowUnsafe: true }
/** What the circuit says of X, whoever is paid. */
const [, statement, rootIn, rootOut] = [0n, 3n * X * X + 7n, (3n * X * X + 7n) * X, (3n * X * X + 7n) * X * X + 1n]

let salts = 0
async function posted(verifier: Address, named: Pick<Publics, 'statement' | 'rootIn'>): Promise<Jobs.PostedJob> {
  const policy = Proofs.provenPolicy(named)
  const job = Job.from({
    program: fill(1),
    initialState: fill(2),
    inputs: fill(3),
    steps: 1n,
    commitEvery: 1n,
    operatorTrace: false,
    policy: Policy.hash(policy),
    requester: addressOf(REQUESTER),
    deadline: (await headOf(requester)).time + BigInt(DAY),
    salt: fill(7).with(0, salts++),
  })
  const terms = Terms.from({ payment: 70_000, stake: 0, bond: 0, replayTime: 0, verifier })
  const made = { hash: Job.hash(job), job, policy, terms }
  await Jobs.post(requester, made)
  return made
}

const proofFor = (own: ProvingKey, job: Jobs.PostedJob, provider: Address) =>
  prove(own, circuit.witness(X, Proofs.contextOn(anybody, job, provider)))

/** Posts, proves and has a provider paid by somebody else. */
async function paid(own: ProvingKey, { claims }: Proofs.VerifierContracts): Promise<void> {
  const job = await posted(claims, { statement, rootIn })
  const provider = addressOf(ALICE)
  const proof = await proofFor(own, job, provider)
  expect(proof.publics).toMatchObject({ statement, rootIn, rootOut })
  const run = { form: FORM, proof, provider }
  const other = await faultOf(Proofs.settleByProof(anybody, job, { ...run, provider: addressOf(ANYBODY) }))
  expect(revertOf(other)?.name).toBe('BadProof')
  await Proofs.settleByProof(anybody, job, run)
  expect((await Jobs.engagementOf(anybody, idOf(job.hash, provider))).state).toBe('paid')
  expect(isRevert(await faultOf(Proofs.settleByProof(anybody, job, run)), 'JobClosed')).toBe(true)
}

describe('a verifier', () => {
  test('is deployed for a key, looked at, and pays by its proofs', async () => {
    const names: string[] = []
    const onProgress = ({ contract }: { contract: string }) => void names.push(contract)
    const made = await Proofs.deployVerifier(anybody, { key: key.verification, form: FORM }, { ...allowed, onProgress })
    expect(names).toEqual(['Groth16Verifier', 'ProvenClaims'])
    const looked = Proofs.verifyVerifier(anybody, made.claims, { key: key.verification, form: FORM, ...allowed })
    await expect(looked).resolves.toEqual(made)
    await paid(key, made)
  })

  test('of another key, of another form, or that is something else, is refused', async () => {
    const made = await Proofs.deployVerifier(anybody, { key: key.verification, form: FORM }, allowed)
    const foreign = provingKeyOf(await contribute(key.zkey, { name: 'another', entropy: 'another' })).verification
    const look = (at: Address, what: Partial<Proofs.Verifying>) =>
      faultOf(Proofs.verifyVerifier(anybody, at, { key: key.verification, form: FORM, ...what, ...allowed }))
    expect((await look(made.claims, { key: foreign }))?.code).toBe('chain/wrong-contract')
    expect((await look(made.claims, { form: { step: true } }))?.code).toBe('chain/wrong-contract')
    expect((await look(made.verifier, {}))?.code).toBe('chain/wrong-contract')
    expect((await look(addressOf(ALICE), {}))?.code).toBe('chain/no-contract')
  })

  test('whose immutables were set by other code than ours is refused, whatever it says of itself', async () => {
    const own = { key: key.verification, form: FORM }
    const { claims } = await Proofs.deployVerifier(anybody, own, allowed)
    const code = await node.provider.getCode(claims)
    const { immutables } = await codeOf('ProvenClaims')
    for (const start of immutables!) {
      const at = 2 + 2 * (start + 31)
      const digit = code[at + 1] === '1' ? '2' : '1'
      await node.provider.send('anvil_setCode', [claims, `${code.slice(0, at + 1)}${digit}${code.slice(at + 2)}`])
      const fault = await faultOf(Proofs.verifyVerifier(anybody, claims, { ...own, ...allowed }))
      expect(fault?.code, `immutable at ${start}`).toBe('chain/wrong-contract')
    }
    await node.provider.send('anvil_setCode', [claims, code])
    await expect(Proofs.verifyVerifier(anybody, claims, { ...own, ...allowed })).resolves.toMatchObject({ claims })
  })

  test('of an unsafe key needs leave by name, and of a forgeable one there is none', async () => {
    const deploy = (own: typeof key.verification, allowUnsafe?: boolean) =>
      faultOf(Proofs.deployVerifier(anybody, { key: own, form: FORM }, { codeOf, allowUnsafe }))
    expect((await deploy(key.verification))?.code).toBe('zk/unsafe-key')
    const look = Proofs.verifyVerifier(anybody, addressOf(ALICE), { key: key.verification, form: FORM, codeOf })
    expect((await faultOf(look))?.code).toBe('zk/unsafe-key')
    const { points, contributions } = key.verification as Groth16Key
    const forgeable = { ...points, delta: points.gamma }
    const relabelled = verificationKey('groth16', points, { setUp: 'ceremony', contributions })
    expect((await deploy(relabelled))?.code).toBe('zk/unsafe-key')
    expect((await deploy(verificationKey('groth16', forgeable, { setUp: 'unsafe', contributions }), true))?.code).toBe(
      'zk/forgeable-key',
    )
  })

  test('is put on the chain by an account, and looked at without one', async () => {
    const looker = await connect(world.deployment, node.provider)
    const own = { key: key.verification, form: FORM }
    expect((await faultOf(Proofs.deployVerifier(looker, own, allowed)))?.code).toBe('chain/no-signer')
    const { claims } = await Proofs.deployVerifier(anybody, own, allowed)
    await expect(Proofs.verifyVerifier(looker, claims, { ...own, ...allowed })).resolves.toMatchObject({ claims })
  })
})

describe('a verifier of PLONK proofs', () => {
  let own: ProvingKey
  let written: { bytecode: string; deployedBytecode: string }
  beforeAll(async () => {
    own = await unsafeKey(circuit.r1cs, { scheme: 'plonk' })
    written = await writtenVerifier(own)
  }, 60_000)

  test('asks the contract that was written for its key, and pays by its proofs', async () => {
    const what = { key: own.verification, form: FORM }
    const made = await Proofs.deployVerifier(anybody, what, { ...allowed, written })
    await expect(Proofs.verifyVerifier(anybody, made.claims, { ...what, ...allowed, written })).resolves.toEqual(made)
    const other = { ...written, deployedBytecode: `${written.deployedBytecode.slice(0, -2)}ff` }
    const look = faultOf(Proofs.verifyVerifier(anybody, made.claims, { ...what, ...allowed, written: other }))
    expect((await look)?.code).toBe('chain/wrong-contract')
    await paid(own, made)
  })

  test('is not deployed without that contract', async () => {
    const fault = await faultOf(Proofs.deployVerifier(anybody, { key: own.verification, form: FORM }, allowed))
    expect(fault?.code).toBe('zk/unsupported')
  })
})
