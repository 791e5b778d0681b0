import { AbiCoder, Contract, Interface, keccak256, type InterfaceAbi } from 'ethers'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readArtifact } from '../../scripts/contracts.js'
import { utf8 } from '../../src/core/bytes.js'
import { DTYPES, bytesOf, sizeOf, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { Claim, Job, Policy } from '../../src/receipt/index.js'
import { reference } from '../../src/runtime/reference.js'
import { rootOfTensors } from '../../src/trace/digests.js'
import { record, termsOf } from '../../src/trace/trace.js'
import * as Bind from '../../src/zk/bind.js'
import {
  commit,
  commitList,
  layoutOf,
  offsetOf,
  outputLayout,
  statementOf,
  tagOf,
  type Layout,
} from '../../src/zk/commit.js'
import { hash as hashProgram } from '../../src/exact/format.js'
import { ORDER } from '../../src/zk/field.js'
import type { Groth16Key } from '../../src/zk/keys.js'
import type { Proof } from '../../src/zk/prove.js'
import type { Publics } from '../../src/zk/publics.js'
import { fill } from '../receipt/samples.js'
import { CHAIN_ID, deploy, startNode, type EvmNode } from './node.js'
import {
  denseProver,
  gradient,
  image,
  proofOf,
  publicsOfRun,
  ran,
  stepProver,
  type Prover,
  type Ran,
} from './provers.js'
import { proofGas } from './proof-gas.js'
import { remade } from './remade.js'
import * as S from './settlement.js'
import { DAY, TERMS, hex, wire, type Actor, type Work, type World } from './settlement.js'

let node: EvmNode
let world: World
let [alice, bob, requester, anybody] = [] as unknown as Actor[]
/** The settlement, with the errors of everything that it asks. */
let all: Contract
let [dense, other, step] = [] as unknown as Prover[]
/** What terms name: a public output, the same key for sealed outputs, the other model's key, training steps. */
let verifiers: Record<'open' | 'sealed' | 'other' | 'step', Contract>

const union = (...names: readonly string[]): Interface =>
  new Interface(
    names.flatMap((name) =>
      readArtifact(name).abi.filter((entry) => !('type' in entry && entry.type === 'constructor')),
    ) as unknown as InterfaceAbi,
  )

const formOut = ({ step, output }: Bind.ClaimForm) => {
  if (output === undefined) return { isStep: step, width: 0, dtype: 0, dims: [], tag: 0n }
  const { width, dtype, dims, shape } = output
  return { isStep: step, width, dtype: DTYPES[dtype].code, dims, tag: shape === 'packed' ? 0n : tagOf(output) }
}

async function verifierOf({ key }: Prover, form: Bind.ClaimForm): Promise<Contract> {
  const { alpha, beta, gamma, delta, ic } = (key.verification as Groth16Key).points
  const own = await deploy(node, 'Groth16Verifier', { alpha, beta, gamma, delta, ic: ic.flat() })
  return deploy(node, 'ProvenClaims', await own.getAddress(), formOut(form))
}

beforeAll(async () => {
  node = await startNode()
  await S.endow(node, [0x11, 0x22, 0x33, 0x99])
  world = await S.worldOn(node)
  ;[requester, alice, bob, anybody] = [0x11, 0x22, 0x33, 0x99].map(world.actor)
  const known = union('Settlement', 'Quorums', 'ProvenClaims', 'Groth16Verifier')
  all = new Contract(await world.settlement.getAddress(), known, node.signer)
  ;[dense, other, step] = [await denseProver(1), await denseProver(2), await stepProver()]
  verifiers = {
    open: await verifierOf(dense, dense.form),
    sealed: await verifierOf(dense, { step: false }),
    other: await verifierOf(other, other.form),
    step: await verifierOf(step, step.form),
  }
}, 240_000)
afterAll(() => node?.stop())

// ---------------------------------------------------------------- jobs, claims and calls

interface Named {
  readonly policy: Policy.Policy
  readonly verifier: Contract
  readonly initialState?: Uint8Array
  readonly due?: number
  readonly steps?: bigint
}

async function posted({ policy, verifier, initialState = fill(2), due = DAY, steps = 1n }: Named): Promise<Work> {
  const terms = { verifier: await verifier.getAddress() }
  const work = await S.workUnder(world, policy, { terms, job: { initialState, steps }, due })
  await S.post(world, work)
  return work
}

const contextFor = async (work: Work, by: Actor, change: Partial<Bind.Payee> = {}): Promise<bigint> =>
  Bind.contextOf({
    chainId: BigInt(CHAIN_ID),
    settlement: (await world.settlement.getAddress()).toLowerCase() as `0x${string}`,
    job: Job.hash(work.job),
    provider: by.address as `0x${string}`,
    ...change,
  })

const abi = AbiCoder.defaultAbiCoder()
const POLICY = 'tuple(uint8,uint16,uint16,uint16,uint64,address[],bytes32)'

/** What stands in a proof for the contract, of any words. */
interface Parts {
  readonly policy: Policy.Policy
  readonly roots: readonly bigint[]
  readonly output: Uint8Array
  readonly proof: Uint8Array
}

const encoded = ({ policy, roots, output, proof }: Parts): string =>
  abi.encode(
    [POLICY, 'uint256', 'uint256', 'uint256', 'bytes', 'bytes'],
    [Object.values(wire(Policy.policyStruct, policy)), ...roots, output, proof],
  )

const rootsOf = ({ statement, rootIn, rootOut }: Publics): bigint[] => [statement, rootIn, rootOut]

/** A proven run for a job, ready to be sent, and to be changed before it is. */
interface Case {
  readonly work: Work
  readonly claim: Claim.Claim
  readonly by: Actor
  readonly parts: Parts
}

const callOf = ({ work, claim, by, parts }: Case) =>
  ['settleProven', work.args[0], work.terms, wire(Claim.claimStruct, claim), by.address, encoded(parts)] as const

/** The name with which a case is refused; '' where it is not. */
const refused = (one: Case): Promise<string> => S.refusalOf(world, callOf(one), { from: anybody, to: all })

function caseOf(work: Work, by: Actor, { form, run, proof }: { form: Bind.ClaimForm; run: Ran; proof: Proof }): Case {
  const output = form.output && run.outputs[0]
  const claim = Bind.claimOfProof(work.job, form, { rootOut: proof.publics.rootOut, output })
  const shown = output === undefined ? new Uint8Array(0) : bytesOf(output)
  return {
    work,
    claim,
    by,
    parts: { policy: work.policy, roots: rootsOf(proof.publics), output: shown, proof: proof.bytes },
  }
}

/** A job about an image, and its run, proven for alice. */
async function provenWork(form: Bind.ClaimForm = dense.form, verifier = verifiers.open): Promise<Case & { run: Ran }> {
  const run = await ran(dense, [image(1, -2, 3)])
  const work = await posted({ policy: Bind.provenPolicy(publicsOfRun(dense, run)), verifier })
  const proof = await proofOf(dense, run, await contextFor(work, alice))
  return { ...caseOf(work, alice, { form, run, proof }), run }
}

const with_ = (one: Case, change: Partial<Parts>): Case => ({ ...one, parts: { ...one.parts, ...change } })

/** Sends it as somebody who has nothing to do with it, and looks who has the payment. Gives the names of the events. */
async function demandPaid(one: Case): Promise<readonly string[]> {
  const credit = async (): Promise<bigint> => (await S.creditsOf(world, one.work.terms, [one.by]))[0]
  const before = await credit()
  const receipt = await S.send(world, callOf(one), { from: anybody })
  expect(await S.stateOf(world, one.work, one.by)).toBe('Paid')
  expect((await credit()) - before).toBe(TERMS.payment)
  return S.eventsOf(world, receipt)
}

// ---------------------------------------------------------------- what is paid

describe('a proven job', () => {
  test('is settled by a stranger, and the provider in the proof’s context is paid, once', async () => {
    const one = await provenWork()
    const { work } = one
    expect(
      hex(
        Bind.encodeProven({
          policy: work.policy,
          publics: publicsOfRun(dense, one.run),
          output: one.run.outputs[0],
          proof: one.parts.proof,
        }),
      ),
    ).toBe(encoded(one.parts))
    const events = await demandPaid(one)
    expect(events).toEqual(['Credited', 'ProofAccepted'])
    expect(await S.creditsOf(world, work.terms, [anybody])).toEqual([0n])
    expect(await refused(one)).toBe('JobClosed')
    const anew = remade(one.parts.proof, (dense.key.verification as Groth16Key).points.delta)
    expect(await refused(with_(one, { proof: anew }))).toBe('JobClosed')
  })

  test('claims of a public output what a receipt of the same run claims', async () => {
    const { model } = dense
    const inputs = [image(1, -2, 3)]
    const work = { ...model, inputs: [inputs] }
    const trace = await record(work, reference())
    const { initialState } = termsOf(work)
    const one = await posted({
      policy: Bind.provenPolicy(publicsOfRun(dense, await ran(dense, inputs))),
      verifier: verifiers.open,
      initialState,
    })
    const run = await ran(dense, inputs)
    const proof = await proofOf(dense, run, await contextFor(one, alice))
    const own = caseOf(one, alice, { form: dense.form, run, proof })
    expect(hex(own.claim.outputs)).toBe(hex(rootOfTensors('outputs', trace.outputs)))
    expect(hex(own.claim.finalState)).toBe(hex(trace.leaves[0].stateAfter))
    expect(hex(own.claim.outputs)).toBe(hex(trace.leaves[0].outputs))
    expect(await refused(own)).toBe('')
  })

  test('is verified in a transaction of at most 260,000 gas, with an output and without', async () => {
    const { work, run } = await provenWork()
    const proof = await proofOf(dense, run, await contextFor(work, alice))
    const shown = { key: dense.key.verification, proof }
    const open = await proofGas(node, { ...shown, form: dense.form, output: run.outputs[0] })
    expect(open.verify).toBeLessThan(260_000)
    const sealed = await proofGas(node, { ...shown, form: { step: false } })
    expect(sealed.verify).toBeLessThan(open.verify)
  })

  test('may be about outputs that only their Poseidon root names', async () => {
    const one = await provenWork({ step: false }, verifiers.sealed)
    expect(one.parts.output).toHaveLength(0)
    expect(hex(one.claim.outputs)).toBe(hex(Bind.sealedRoot(one.parts.roots[2])))
    await demandPaid(one)
  })

  test('of training pays for one step, and the next job begins where that ended', async () => {
    const program = hashProgram(step.model.program)
    let { state } = step.model
    let statement = statementOf(program, commitList(state.map((w, i) => commit(w, step.circuit.layouts.parameters[i]))))
    for (const seed of [30, -70]) {
      const run = await ran(step, [gradient(seed, -40)], state)
      const publics = publicsOfRun(step, run)
      expect(publics.statement).toBe(statement)
      const work = await posted({ policy: Bind.provenPolicy({ ...publics, statement }), verifier: verifiers.step })
      const proof = await proofOf(step, run, await contextFor(work, bob))
      const one = caseOf(work, bob, { form: step.form, run, proof })
      expect(await refused({ ...one, claim: { ...one.claim, finalState: work.job.initialState } })).toBe(
        'WrongFinalState',
      )
      await demandPaid(one)
      state = run.stateAfter!
      const next = statementOf(program, proof.publics.rootOut)
      const again = await posted({
        policy: Bind.provenPolicy({ ...publics, statement: next }),
        verifier: verifiers.step,
      })
      // The same step again, from where it began, is not what that job asks for.
      const stale = caseOf(again, bob, {
        form: step.form,
        run,
        proof: await proofOf(step, run, await contextFor(again, bob)),
      })
      expect(await refused(stale)).toBe('NotNamed')
      expect(await refused(with_(stale, { roots: stale.parts.roots.with(0, next) }))).toBe('BadProof')
      statement = next
    }
  })
})

// ---------------------------------------------------------------- what is not

describe('nobody is paid', () => {
  test('for a copied proof: with another payee, for another job, on another contract or chain', async () => {
    const one = await provenWork()
    expect(await refused(one)).toBe('')
    expect(await refused({ ...one, by: bob })).toBe('BadProof')
    const second = await provenWork()
    expect(await refused(with_(second, { proof: one.parts.proof }))).toBe('BadProof')
    const elsewhere: readonly Partial<Bind.Payee>[] = [
      { chainId: 1n },
      { settlement: bob.address as `0x${string}` },
      { job: fill(9) },
      { provider: bob.address as `0x${string}` },
    ]
    for (const change of elsewhere) {
      const proof = await proofOf(dense, one.run, await contextFor(one.work, alice, change))
      expect(await refused(with_(one, { proof: proof.bytes })), Object.keys(change).join()).toBe('BadProof')
    }
    // The same job and terms, posted to another settlement as well.
    const abroad = await S.worldOn(node)
    await S.post(abroad, one.work)
    const there = new Contract(await abroad.settlement.getAddress(), all.interface, node.signer)
    expect(await S.refusalOf(abroad, callOf(one), { from: anybody, to: there })).toBe('BadProof')
    const settlement = (await there.getAddress()).toLowerCase() as `0x${string}`
    const own = await proofOf(dense, one.run, await contextFor(one.work, alice, { settlement }))
    const good = callOf(with_(one, { proof: own.bytes }))
    expect(await S.refusalOf(abroad, good, { from: anybody, to: there })).toBe('')
  })

  test('for a proof with one bit changed in any of its bytes', async () => {
    const one = await provenWork()
    const counts: Record<string, number> = {}
    for (let at = 0; at < 256; at++) {
      const { proof } = one.parts
      const found = await refused(with_(one, { proof: proof.with(at, proof[at] ^ (1 << (at % 8))) }))
      counts[found] = (counts[found] ?? 0) + 1
    }
    expect(counts).toEqual({ BadPoint: 256 })
    expect(await refused(with_(one, { proof: one.parts.proof.subarray(1) }))).toBe('BadProofLength')
  })

  test('for anything with one bit changed in what comes beside the proof', async () => {
    const one = await provenWork()
    const [name, ...values] = callOf(one)
    const whole = Buffer.from(encoded(one.parts).slice(2), 'hex')
    const accepted: number[] = []
    for (let at = 0; at < whole.length - 256; at++) {
      const bytes = Uint8Array.from(whole).with(at, whole[at] ^ (1 << (at % 8)))
      const call = [name, ...values.slice(0, -1), hex(bytes)] as const
      if ((await S.refusalOf(world, call, { from: anybody, to: all })) === '') accepted.push(at)
    }
    // What says nothing: where the policy's list of auditors begins (at another zero it is the same empty list), and what fills up the output's word.
    const [list, output] = [383, 496]
    expect(accepted).toEqual([list, ...Array.from({ length: 16 }, (_, i) => output + i)])
  })

  test('for a proof of another model, or under another model’s key', async () => {
    const one = await provenWork()
    const run = await ran(other, one.run.inputs)
    const foreign = await proofOf(other, run, await contextFor(one.work, alice))
    expect(await refused(with_(one, { proof: foreign.bytes }))).toBe('BadProof')
    expect(await refused(with_(one, { proof: foreign.bytes, roots: rootsOf(foreign.publics) }))).toBe('NotNamed')
    const named = await posted({ policy: Bind.provenPolicy(foreign.publics), verifier: verifiers.open })
    const again = await proofOf(other, run, await contextFor(named, alice))
    expect(await refused(caseOf(named, alice, { form: other.form, run, proof: again }))).toBe('BadProof')
  })

  test('for roots that the job does not name: another manifest’s, swapped, or under another policy', async () => {
    const one = await provenWork()
    const [statement, rootIn, rootOut] = one.parts.roots
    const run = await ran(dense, [image(4, 4, 4)])
    const second = await proofOf(dense, run, await contextFor(one.work, alice))
    const truth = { output: bytesOf(run.outputs[0]), proof: second.bytes, roots: rootsOf(second.publics) }
    expect(await refused(with_(one, truth))).toBe('NotNamed')
    expect(await refused(with_(one, { roots: [rootIn, statement, rootOut] }))).toBe('NotNamed')
    expect(await refused(with_(one, { roots: [statement, rootOut, rootIn] }))).toBe('NotNamed')
    expect(await refused(with_(one, { roots: [statement, rootIn, rootIn] }))).toBe('WrongRoot')
    const policy = Bind.provenPolicy(second.publics)
    expect(await refused(with_(one, { ...truth, policy }))).toBe('WrongPolicy')
    expect(await refused(with_(one, { policy: { ...one.parts.policy, window: 1n } }))).toBe('WrongPolicy')
  })

  test('for a public input under another name: itself and the order', async () => {
    const one = await provenWork({ step: false }, verifiers.sealed)
    const [statement, rootIn, rootOut] = one.parts.roots
    const named = (words: readonly bigint[]): string =>
      keccak256(abi.encode(['bytes32', 'uint256', 'uint256'], [keccak256(utf8('countersign proven job 1')), ...words]))
    for (const [index, words] of [
      [statement + ORDER, rootIn],
      [statement, rootIn + ORDER],
    ].entries()) {
      // Even where the requester itself names the alias.
      const extension = Uint8Array.from(Buffer.from(named(words).slice(2), 'hex'))
      const policy = Policy.from({ ...Policy.claimed(), kind: 'proven', extension })
      const work = await posted({ policy, verifier: verifiers.sealed })
      const proof = await proofOf(dense, one.run, await contextFor(work, alice))
      const own = caseOf(work, alice, { form: { step: false }, run: one.run, proof })
      expect(await refused(own)).toBe('NotNamed')
      expect(await refused(with_(own, { roots: [...words, rootOut] })), `input ${index}`).toBe('NotInField')
    }
    const outputs = keccak256(
      abi.encode(['bytes32', 'uint256'], [keccak256(utf8('countersign poseidon root 1')), rootOut + ORDER]),
    )
    const alias = { ...one.claim, outputs: Uint8Array.from(Buffer.from(outputs.slice(2), 'hex')) }
    const aliased = with_({ ...one, claim: alias }, { roots: [statement, rootIn, rootOut + ORDER] })
    expect(await refused(aliased)).toBe('NotInField')
  })

  test('for an output that is not the one that was proven', async () => {
    const one = await provenWork()
    const [output] = one.run.outputs
    for (let i = 0; i < sizeOf(output.dims); i++) {
      const data = (output.data as BigInt64Array).slice()
      data[i] += 1n
      const wrong = { ...output, data }
      const claim = Bind.claimOfProof(one.work.job, dense.form, { rootOut: 0n, output: wrong })
      expect(await refused(with_({ ...one, claim }, { output: bytesOf(wrong) })), `element ${i}`).toBe('WrongRoot')
      expect(await refused({ ...one, claim }), `claim about element ${i}`).toBe('WrongOutputs')
    }
    const bytes = one.parts.output
    expect(await refused(with_(one, { output: bytes.subarray(1) }))).toBe('BadOutputLength')
    expect(await refused(with_(one, { output: new Uint8Array(0) }))).toBe('BadOutputLength')
    expect(await refused(with_(one, { output: Uint8Array.of(...bytes, 0) }))).toBe('BadOutputLength')
    expect(await refused(with_(one, { output: bytes.with(7, bytes[7] ^ 0x40) }))).toBe('OutOfRange')
    const sealed = await provenWork({ step: false }, verifiers.sealed)
    expect(await refused(with_(sealed, { output: bytes }))).toBe('BadOutputLength')
    expect(await refused({ ...sealed, claim: one.claim })).toBe('WrongClaim')
    expect(await refused({ ...sealed, claim: { ...sealed.claim, outputs: one.claim.outputs } })).toBe('WrongOutputs')
  })

  test('for a claim that says more than a proof shows: a run, another state, several steps', async () => {
    const one = await provenWork()
    expect(await refused({ ...one, claim: { ...one.claim, run: fill(9) } })).toBe('RunClaimed')
    expect(await refused({ ...one, claim: { ...one.claim, finalState: fill(9) } })).toBe('WrongFinalState')
    const work = await posted({ policy: one.work.policy, verifier: verifiers.open, steps: 2n })
    const proof = await proofOf(dense, one.run, await contextFor(work, alice))
    expect(await refused(caseOf(work, alice, { form: dense.form, run: one.run, proof }))).toBe('ManySteps')
  })

  test('for what is no encoding of a proof, by a verifier that reverts, or too late', async () => {
    const one = await provenWork()
    const [name, ...values] = callOf(one)
    const sent = (bytes: string) =>
      S.refusalOf(world, [name, ...values.slice(0, -1), bytes], { from: anybody, to: all })
    expect(await sent('0x')).toBe('BadEncoding')
    expect(await sent(encoded(one.parts).slice(0, 2 + 2 * 191))).toBe('BadEncoding')
    expect(await sent(`0x${'ff'.repeat(192)}`)).toBe('nothing')
    const mute = await posted({ policy: one.work.policy, verifier: world.batches })
    const proof = await proofOf(dense, one.run, await contextFor(mute, alice))
    const own = caseOf(mute, alice, { form: dense.form, run: one.run, proof })
    expect(await refused(own)).toBe('nothing')
    await S.mineAt(world, one.work.job.deadline + 1n)
    expect(await refused(one)).toBe('TooLate')
    await S.send(world, ['cancel', one.work.hash, one.work.terms], { from: requester })
    expect(await refused(one)).toBe('TooLate')
  })
})

// ---------------------------------------------------------------- outputs of every form

describe('a public output', () => {
  let echo: Contract
  beforeAll(async () => void (echo = await deploy(node, 'test/PublicsHarness')))

  const INTEGERS = ['uint8', 'int8', 'uint16', 'int16', 'int32', 'uint32', 'int64', 'uint64', 'bool'] as const
  const rangeOf = (layout: Layout): { min: bigint; max: bigint } => {
    const [size, offset] = [1n << BigInt(layout.width), offsetOf(layout)]
    return { min: -offset, max: size - 1n - offset }
  }
  const tensorOf = (layout: Layout, values: readonly bigint[]): Tensor => {
    const wide = DTYPES[layout.dtype].bytes === 8
    return tensor(layout.dtype, layout.dims, wide ? values : values.map(Number))
  }
  const widest = (dtype: DType): number => (dtype === 'bool' ? 1 : 8 * DTYPES[dtype].bytes)

  /** Calls the verifier itself, whose proofs are the public inputs. */
  async function said(claims: Contract, value: Tensor, rootOut: bigint): Promise<string> {
    const policy = Bind.provenPolicy({ statement: 5n, rootIn: 6n })
    const { job } = await S.workUnder(world, policy)
    const one = Job.from({ ...job, steps: 1n })
    const context = (77n << 3n) + 5n
    const proof = abi.encode(['uint256[4]'], [[5n, 6n, rootOut, 77n]])
    const form = { step: false, output: layoutOf(value) }
    const claim = Bind.claimOfProof(one, form, { rootOut, output: value })
    const parts = {
      policy,
      roots: [5n, 6n, rootOut],
      output: bytesOf(value),
      proof: Buffer.from(proof.slice(2), 'hex'),
    }
    const word = `0x${context.toString(16).padStart(64, '0')}`
    try {
      const values = [wire(Job.jobStruct, one), wire(Claim.claimStruct, claim), word, encoded(parts)]
      return String(await claims.verify(...values))
    } catch (error) {
      return claims.interface.parseError((error as { data: string }).data)?.name ?? 'nothing'
    }
  }

  const shapes: readonly (readonly number[])[] = [
    [],
    [1],
    [7],
    [1, 10],
    [3, 5],
    [2, 33],
    [1, 70],
    [2, 3, 40],
    [1, 1, 2, 2, 3, 1, 1],
  ]

  test.each(INTEGERS)('of %s is hashed as the library hashes it, both ways', async (dtype) => {
    const draw = fc.sample(fc.tuple(fc.constantFrom(...shapes), fc.integer({ min: 1, max: widest(dtype) })), {
      numRuns: 5,
      seed: DTYPES[dtype].code,
    })
    for (const [dims, width] of draw) {
      const layout = outputLayout(layoutOf({ dtype, dims }, { width }))
      const claims = await deploy(
        node,
        'ProvenClaims',
        await echo.getAddress(),
        formOut({ step: false, output: layout }),
      )
      const size = sizeOf(dims)
      const integers = fc.sample(fc.bigInt(rangeOf(layout)), { numRuns: size, seed: width })
      const value = tensorOf(layout, integers)
      const root = commit(value, layout)
      expect(await said(claims, value, root), `${dtype} [${dims}] of ${width} bits`).toBe('true')
      expect(await said(claims, value, (root + 1n) % ORDER)).toBe('WrongRoot')
      const { max } = rangeOf(layout)
      if (width < widest(dtype))
        expect(await said(claims, tensorOf(layout, integers.with(size - 1, max + 1n)), root)).toBe('OutOfRange')
    }
  })

  test('of 1,024 bytes is hashed in one transaction', async () => {
    const layout = outputLayout(layoutOf({ dtype: 'int8', dims: [4, 256] }))
    const claims = await deploy(node, 'ProvenClaims', await echo.getAddress(), formOut({ step: false, output: layout }))
    const value = tensorOf(
      layout,
      Array.from({ length: 1024 }, (_, i) => BigInt((i * 37) % 256) - 128n),
    )
    expect(await said(claims, value, commit(value, layout))).toBe('true')
  })

  test('has a form that can be read back, and no form that could not be hashed', async () => {
    const layout = outputLayout(layoutOf({ dtype: 'int16', dims: [2, 3, 4, 1, 1, 1, 2] }, { width: 9 }))
    const own = formOut({ step: false, output: layout })
    const claims = await deploy(node, 'ProvenClaims', await echo.getAddress(), own)
    const read = (await claims.form()) as { toObject(deep: boolean): Record<string, unknown> }
    expect(read.toObject(true)).toEqual({ ...own, width: 9n, dtype: 5n, dims: own.dims.map(BigInt) })
    const bad = [
      { width: 17 },
      { dtype: 1 },
      { dtype: 10 },
      { dtype: 17 },
      { dims: [1, 1, 1, 1, 1, 1, 1, 1] },
      { dims: [513] },
      { dims: [3, 0] },
      { dims: [2 ** 40, 2 ** 40] },
      { isStep: true },
      { tag: ORDER },
      { tag: 0n },
      { dims: [28] },
      { width: 0 },
      { width: 0, tag: 0n, dims: [] },
      { width: 0, tag: 0n, dtype: 0 },
      { width: 0, dims: [], dtype: 0 },
      { dtype: 9, width: 2 },
    ]
    const { abi: found, bytecode } = readArtifact('ProvenClaims')
    const interface_ = new Interface(found as InterfaceAbi)
    const outcome = async (address: string, form: object): Promise<string> => {
      const data = `${bytecode}${interface_.encodeDeploy([address, form]).slice(2)}`
      const call = node.provider.call({ data }).then(
        () => '',
        (error: unknown) => interface_.parseError((error as { data: string }).data)?.name ?? 'nothing',
      )
      return call
    }
    for (const change of bad)
      expect(await outcome(await echo.getAddress(), { ...own, ...change }), JSON.stringify(Object.keys(change))).toBe(
        'BadForm',
      )
    expect(await outcome(alice.address, own)).toBe('NoVerifier')
    expect(await outcome(await echo.getAddress(), own)).toBe('')
  })
})
