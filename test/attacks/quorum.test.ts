/** Cheating in a quorum of replicas that really run a job: what counts, what is named, and what votes cannot see. */
import { beforeAll, describe, expect, test } from 'vitest'
import * as Attestation from '../../src/attest/attestation.js'
import { captureProbability, draw, hashCandidates } from '../../src/attest/policies.js'
import * as Quorum from '../../src/attest/quorum.js'
import { evidenceOf, replay, verdictOf } from '../../src/audit/index.js'
import { equal, toHex } from '../../src/core/bytes.js'
import type { Tensor } from '../../src/core/tensor.js'
import { claimOf as claimFor, type Bundle } from '../../src/receipt/bundle.js'
import * as Claim from '../../src/receipt/claim.js'
import * as Equivocation from '../../src/receipt/equivocation.js'
import type { Address } from '../../src/receipt/fields.js'
import * as Job from '../../src/receipt/job.js'
import * as Policy from '../../src/receipt/policy.js'
import { jobFor, metadataOf, seal, type Sealed } from '../../src/receipt/provide.js'
import * as Receipt from '../../src/receipt/receipt.js'
import * as Seal from '../../src/receipt/seal.js'
import { sign as signWith, type Signer } from '../../src/receipt/signer.js'
import { reference } from '../../src/runtime/reference.js'
import { rootOfTensors } from '../../src/trace/digests.js'
import { record, type Trace } from '../../src/trace/trace.js'
import { codesOf, DEADLINE, EARLY, OVER, REVEALING, team, WINDOW } from '../attest/rounds.js'
import { addressOf, bob, codeOf, fill, mallory, metadata, requester } from '../receipt/samples.js'
import { deep, served } from './answers.js'
import { changed } from './downgraded.js'
import { interval, nonceOf, received } from './verifier.js'

const model = served(deep())
const { inputs } = deep()
const work = { ...model, inputs: [inputs] }
const replicas = team(3)
const [ann, ben, cem] = replicas

let job: Job.SignedJob
/** What an honest replica computes. */
let honest: Trace
/** The same, with other outputs. */
let lie: Trace
beforeAll(async () => {
  const policy = Policy.quorum('2/3', { replicas: replicas.map(addressOf), window: WINDOW })
  job = await jobFor(work, { policy, deadline: DEADLINE, requester, salt: fill(5) })
  honest = await record(work, reference())
  lie = answering(changed(honest.outputs, 0, (data) => void (data[0] += 1)))
})

/** A trace that claims other outputs. */
function answering(outputs: readonly Tensor[]): Trace {
  const leaves = honest.leaves.map((leaf) => ({ ...leaf, outputs: rootOfTensors('outputs', outputs) }))
  return { ...honest, outputs, leaves, steps: leaves }
}

const sealing = async (trace: Trace, signer: Signer): Promise<Sealed> =>
  seal(trace, { job, signer, metadata: await metadataOf(reference()), issuedAt: 1 })

async function sealedBy(parties: readonly Sealed[], at = EARLY): Promise<Quorum.Quorum> {
  let quorum = await Quorum.open(job)
  for (const party of parties) quorum = await Quorum.seal(quorum, party.seal, { at })
  return quorum
}

/** The quorum after these have revealed as witnesses of all seals. */
async function revealedBy(quorum: Quorum.Quorum, parties: readonly Sealed[], at = REVEALING): Promise<Quorum.Quorum> {
  for (const party of parties) {
    const { receipt } = await party.reveal({ seals: quorum.seals })
    quorum = await Quorum.reveal(quorum, receipt, { at })
  }
  return quorum
}

/** A receipt that says what somebody likes, with the salt that it names. */
const saying = async (trace: Trace, signer: Signer, sealed: { sealSet: Uint8Array; salt: Uint8Array }) =>
  Receipt.sign(claimOf(trace), signer, { job, metadata, issuedAt: 1, sealed })

/** What a trace claims of the job. */
const claimOf = (trace: Trace): Claim.Claim => Claim.from(claimFor(trace, Job.hash(job.job)))

test('three honest replicas agree, and the attestation verifies', async () => {
  const parties = await Promise.all(replicas.map((one) => sealing(honest, one)))
  const quorum = await revealedBy(await sealedBy(parties), parties)
  expect(Quorum.decide(quorum, REVEALING)).toMatchObject({ outcome: 'agreed', agreed: 3, dissents: [], rejections: [] })
  const attestation = Attestation.from(quorum, REVEALING)
  expect(await Attestation.verify(attestation, { requested: true })).toMatchObject({
    agreed: 3,
    dissents: [],
    unopened: [],
  })
})

describe('a lazy replica that runs nothing', () => {
  test('cannot tell from the seals of others what they answer', async () => {
    const seals = await Promise.all([ann, ben].map(async (one) => (await sealing(honest, one)).seal.seal))
    expect(toHex(seals[0].commitment)).not.toBe(toHex(seals[1].commitment))
    const guessed = Seal.commit(claimOf(honest), addressOf(ann), fill(0)) // it knows every likely answer, but no salt
    expect(equal(guessed, seals[0].commitment)).toBe(false)
  })

  test('seals anything, and reveals the answer of another once it is shown: receipt/wrong-seal', async () => {
    const parties = [await sealing(honest, ann), await sealing(honest, ben), await sealing(lie, cem)]
    const quorum = await revealedBy(await sealedBy(parties), parties.slice(0, 2))
    const own = (await parties[2].reveal()).receipt.metadata.sealSalt!
    const copied = await saying(honest, cem, { sealSet: Quorum.sealSet(quorum), salt: own })
    const after = await Quorum.reveal(quorum, copied, { at: REVEALING })
    expect(codesOf(after.rejections, addressOf(cem))).toEqual(['receipt/wrong-seal'])
    expect(Quorum.decide(after, REVEALING).agreed).toBe(2)
  })

  test('takes the salt of another as well: receipt/wrong-seal', async () => {
    const parties = [await sealing(honest, ann), await sealing(honest, ben), await sealing(lie, cem)]
    const quorum = await revealedBy(await sealedBy(parties), parties.slice(0, 1))
    const salt = quorum.receipts[0].metadata.sealSalt!
    const copied = await saying(honest, cem, { sealSet: Quorum.sealSet(quorum), salt })
    const after = await Quorum.reveal(quorum, copied, { at: REVEALING })
    expect(codesOf(after.rejections, addressOf(cem))).toEqual(['receipt/wrong-seal'])
  })
})

describe('a copied seal', () => {
  test('handed in as it is counts for its maker alone: attest/duplicate-signer', async () => {
    const first = await sealing(honest, ann)
    const quorum = await Quorum.seal(await sealedBy([first]), first.seal, { at: EARLY })
    expect(codesOf(quorum.rejections, addressOf(ann))).toEqual(['attest/duplicate-signer'])
    expect(quorum.seals.length).toBe(1)
  })

  test('signed as the own one opens to nothing: receipt/wrong-seal', async () => {
    const parties = [await sealing(honest, ann), await sealing(honest, ben)]
    const value = { ...parties[0].seal.seal, provider: addressOf(cem) }
    const { domain } = job
    const signature = await signWith(cem, { struct: Seal.sealStruct, value, domain })
    const sealed = await Quorum.seal(await sealedBy(parties), { domain, seal: value, signature }, { at: EARLY })
    expect(sealed.seals.length).toBe(3) // nobody can tell yet
    const quorum = await revealedBy(sealed, parties.slice(0, 1))
    const salt = quorum.receipts[0].metadata.sealSalt!
    const copied = await saying(honest, cem, { sealSet: Quorum.sealSet(quorum), salt })
    const after = await Quorum.reveal(quorum, copied, { at: REVEALING })
    expect(codesOf(after.rejections, addressOf(cem))).toEqual(['receipt/wrong-seal'])
  })

  test('with the name of another on it, unsigned by that one: receipt/bad-signature', async () => {
    const first = await sealing(honest, ann)
    const stolen = { ...first.seal, seal: { ...first.seal.seal, provider: addressOf(cem) } }
    const quorum = await Quorum.seal(await sealedBy([first]), stolen, { at: EARLY })
    expect(codesOf(quorum.rejections, addressOf(cem))).toEqual(['receipt/bad-signature'])
  })
})

describe('seals made after the reveals', () => {
  test('or after the deadline: attest/late-seal, and the answer copied into them does not count', async () => {
    const parties = [await sealing(honest, ann), await sealing(honest, ben)]
    const sealed = await sealedBy(parties)
    const revealed = await revealedBy(sealed, parties.slice(0, 1))
    const late = await sealing(honest, cem)
    for (const [quorum, at] of [
      [revealed, REVEALING],
      [revealed, EARLY], // whatever the clock says: something was revealed
      [sealed, DEADLINE + 1],
    ] as const) {
      const after = await Quorum.seal(quorum, late.seal, { at })
      expect(codesOf(after.rejections, addressOf(cem))).toEqual(['attest/late-seal'])
      const counted = await revealedBy(after, [parties[1]])
      expect(counted.receipts.map(({ receipt }) => receipt.provider)).not.toContain(addressOf(cem))
    }
    expect((await Quorum.seal(sealed, late.seal, { at: DEADLINE })).seals.length).toBe(3)
  })

  test('put into an attestation afterwards: receipt/wrong-seal-set, those who revealed signed the closed list', async () => {
    const parties = [await sealing(honest, ann), await sealing(honest, ben)]
    const attestation = Attestation.from(await revealedBy(await sealedBy(parties), parties), REVEALING)
    await expect(Attestation.verify(attestation)).resolves.toBeDefined()
    const { seal: late, signature } = (await sealing(honest, cem)).seal
    const seals = [...attestation.seals, { seal: late, signature }].sort((a, b) =>
      a.seal.provider < b.seal.provider ? -1 : 1,
    )
    expect(await codeOf(() => Attestation.verify({ ...attestation, seals }))).toBe('receipt/wrong-seal-set')
  })
})

describe('commit, then refuse to reveal', () => {
  test('is named as attest/withheld once the time is over, and holds up nobody', async () => {
    const parties = await Promise.all(replicas.map((one) => sealing(honest, one)))
    const quorum = await revealedBy(await sealedBy(parties), parties.slice(0, 2))
    expect(Quorum.decide(quorum, REVEALING)).toMatchObject({ outcome: 'agreed', agreed: 2, rejections: [] })
    expect(codesOf(Quorum.decide(quorum, OVER).rejections, addressOf(cem))).toEqual(['attest/withheld'])
    const attestation = Attestation.from(quorum, REVEALING)
    expect((await Attestation.verify(attestation)).unopened).toEqual([addressOf(cem)])
  })

  test('by so many that nothing is agreed is silence, not disagreement: attest/timed-out', async () => {
    const parties = await Promise.all(replicas.map((one) => sealing(honest, one)))
    const quorum = await revealedBy(await sealedBy(parties), parties.slice(0, 1))
    const decision = Quorum.decide(quorum, OVER)
    expect(await codeOf(() => Quorum.demandAgreed(decision))).toBe('attest/timed-out')
    for (const one of [ben, cem]) expect(codesOf(decision.rejections, addressOf(one))).toEqual(['attest/withheld'])
  })

  test('and to reveal after the time is over: attest/timed-out', async () => {
    const parties = await Promise.all(replicas.map((one) => sealing(honest, one)))
    const quorum = await revealedBy(await revealedBy(await sealedBy(parties), parties.slice(0, 2)), [parties[2]], OVER)
    expect(codesOf(quorum.rejections, addressOf(cem))).toEqual(['attest/timed-out'])
  })
})

describe('equivocation', () => {
  test('by two claims for one job: neither counts, and the evidence verifies for anybody', async () => {
    const parties = await Promise.all(replicas.map((one) => sealing(honest, one)))
    const sealed = await sealedBy(parties)
    const salt = (await parties[0].reveal()).receipt.metadata.sealSalt!
    const second = await saying(lie, ann, { sealSet: Quorum.sealSet(sealed), salt })
    const quorum = await Quorum.reveal(await revealedBy(sealed, parties), second, { at: REVEALING })
    const decision = Quorum.decide(quorum, REVEALING)
    expect(codesOf(decision.rejections, addressOf(ann))).toEqual(['attest/equivocation'])
    expect(decision).toMatchObject({ outcome: 'agreed', agreed: 2 })
    const evidence = Equivocation.decode(Equivocation.encode(decision.evidence[0]))
    expect((await Equivocation.verify(evidence)).provider).toBe(addressOf(ann))
  })

  test('by two seals: nothing of it counts, and the evidence verifies for anybody', async () => {
    const parties = await Promise.all(replicas.map((one) => sealing(honest, one)))
    const second = await sealing(lie, ann)
    const quorum = await Quorum.seal(await sealedBy(parties.slice(0, 2)), second.seal, { at: EARLY })
    expect(codesOf(quorum.rejections, addressOf(ann))).toEqual(['attest/equivocation'])
    const evidence = Equivocation.decode(Equivocation.encode(quorum.evidence[0]))
    expect((await Equivocation.verify(evidence)).provider).toBe(addressOf(ann))
  })

  test('of which an honest replica is accused cannot be made up', async () => {
    const parties = await Promise.all(replicas.map((one) => sealing(honest, one)))
    const [own, other] = [await parties[0].reveal(), await parties[1].reveal()].map(({ receipt }) => receipt)
    expect(Equivocation.fromReceipts(own, own)).toBeUndefined()
    expect(Equivocation.fromReceipts(own, other)).toBeUndefined()
    const { receipt, signature, domain } = own
    const forged = { ...receipt, claim: claimOf(lie) }
    const told = { domain, provider: receipt.provider, job: receipt.claim.job, seals: [] }
    const sorted = [receipt, forged].sort((a, b) => (toHex(Claim.hash(a.claim)) < toHex(Claim.hash(b.claim)) ? -1 : 1))
    const evidence = Equivocation.from({ ...told, receipts: sorted.map((one) => ({ receipt: one, signature })) })
    expect(await codeOf(() => Equivocation.verify(evidence))).toBe('receipt/bad-signature')
    const twice = [receipt, receipt].map((one) => ({ receipt: one, signature }))
    expect(await codeOf(() => Equivocation.from({ ...told, receipts: twice }))).toBe('attest/no-equivocation')
  })
})

describe('first-come seats', () => {
  test('are not given: a stranger that seals before everybody else takes none, attest/not-a-replica', async () => {
    const hasty = await sealing(honest, mallory)
    const parties = await Promise.all(replicas.map((one) => sealing(honest, one)))
    let quorum = await Quorum.seal(await Quorum.open(job), hasty.seal, { at: 0 })
    for (const party of parties) quorum = await Quorum.seal(quorum, party.seal, { at: EARLY })
    expect(codesOf(quorum.rejections, addressOf(mallory))).toEqual(['attest/not-a-replica'])
    expect(quorum.seals.length).toBe(3)
  })

  test('a policy that names nobody opens with nobody: attest/no-replicas', async () => {
    const policy = Policy.quorum('2/3', { window: WINDOW })
    const open = await jobFor(work, { policy, deadline: DEADLINE, requester })
    expect(await codeOf(() => Quorum.open(open))).toBe('attest/no-replicas')
  })
})

describe('one owner in several seats', () => {
  const [a, b] = [addressOf(ann), addressOf(ben)]

  test('with one account: receipt/bad-policy, in whatever letters it is written', async () => {
    const upper = `0x${a.slice(2).toUpperCase()}`
    expect(await codeOf(() => Policy.quorum('2/3', { replicas: [a, a, b] }))).toBe('receipt/bad-policy')
    expect(await codeOf(() => Policy.quorum('2/3', { replicas: [a, upper, b] }))).toBe('receipt/bad-policy')
    expect(Policy.quorum('2/3', { replicas: [a, b, addressOf(cem)] }).auditors.length).toBe(3)
  })

  test('with one account among the candidates or among the drawn: attest/bad-draw', async () => {
    expect(await codeOf(() => hashCandidates([a, a, b]))).toBe('attest/bad-draw')
    const policy = Policy.quorum('2/3', { candidates: hashCandidates(team(5).map(addressOf)) })
    const drawn = await jobFor(work, { policy, requester })
    expect(await codeOf(() => Quorum.open(drawn, { replicas: [a, a, b] }))).toBe('attest/bad-draw')
  })

  test('with one receipt shown twice in an attestation: attest/duplicate-signer', async () => {
    const parties = [await sealing(honest, ann), await sealing(honest, ben)]
    const attestation = Attestation.from(await revealedBy(await sealedBy(parties), parties), REVEALING)
    const receipts = [attestation.receipts[0], attestation.receipts[0]]
    expect(await codeOf(() => Attestation.verify({ ...attestation, receipts }))).toBe('attest/duplicate-signer')
  })
})

describe('collusion', () => {
  test('of two of three passes by head count: the honest dissent stays visible, and a replay decides for it', async () => {
    const parties = [await sealing(lie, ann), await sealing(lie, ben), await sealing(honest, cem)]
    const quorum = await revealedBy(await sealedBy(parties), parties)
    const decision = Quorum.decide(quorum, REVEALING)
    expect(decision).toMatchObject({ outcome: 'agreed', agreed: 2 })
    expect(decision.dissents.map(({ provider }) => provider)).toEqual([addressOf(cem)])
    const attestation = Attestation.from(quorum, REVEALING)
    expect((await Attestation.verify(attestation)).dissents.map(({ provider }) => provider)).toEqual([addressOf(cem)])
    const outcomes = await Promise.all(
      parties.map(async (party) => (await replay(await received(await party.reveal()), reference())).outcome),
    )
    expect(outcomes).toEqual(['refuted', 'refuted', 'valid'])
  })

  test('early payment over an honest dissent: the attestation names the unopened seal, a later decision the dissent', async () => {
    const parties = [await sealing(lie, ann), await sealing(lie, ben), await sealing(honest, cem)]
    const early = await revealedBy(await sealedBy(parties), parties.slice(0, 2))
    expect(Quorum.decide(early, REVEALING)).toMatchObject({ outcome: 'agreed', dissents: [] })
    const attestation = Attestation.from(early, REVEALING)
    expect((await Attestation.verify(attestation)).unopened).toEqual([addressOf(cem)])
    const later = Quorum.decide(await revealedBy(early, [parties[2]]), REVEALING)
    expect(later).toMatchObject({ outcome: 'agreed' })
    expect(later.dissents.map(({ provider }) => provider)).toEqual([addressOf(cem)])
    const seals = attestation.seals.filter(({ seal }) => seal.provider !== addressOf(cem)) // the seal left out
    expect(await codeOf(() => Attestation.verify({ ...attestation, seals }))).toBe('receipt/wrong-seal-set')
  })

  test('of all three is seen by nobody who does not run the job again', async () => {
    const parties = await Promise.all(replicas.map((one) => sealing(lie, one)))
    const quorum = await revealedBy(await sealedBy(parties), parties)
    expect(Quorum.decide(quorum, REVEALING)).toMatchObject({ outcome: 'agreed', agreed: 3, dissents: [] })
    expect((await replay(await received(await parties[0].reveal()), reference())).outcome).toBe('refuted')
  })

  const candidates = team(12).map(addressOf)
  test.each([
    ['2/3', 3],
    ['2/3', 6],
    ['3/5', 5],
    ['5/5', 8],
  ] as const)(
    'of enough for %s among 12 candidates, %i of them colluding, is as likely as captureProbability says',
    (kOfN, colluding) => {
      const [threshold, seats] = kOfN.split('/').map(Number)
      const policy = Policy.quorum(kOfN, { candidates: hashCandidates(candidates) })
      const owned = new Set<Address>(candidates.slice(0, colluding))
      const trials = 3000
      let captured = 0
      for (let n = 0; n < trials; n++) {
        const drawn = draw(policy, { job: fill(1), candidates, beacon: nonceOf(n) })
        if (drawn.filter((one) => owned.has(one)).length >= threshold) captured++
      }
      const probability = captureProbability({ candidates: 12, colluding, replicas: seats, threshold })
      const [low, high] = interval(trials, probability)
      expect(captured).toBeGreaterThanOrEqual(low)
      expect(captured).toBeLessThanOrEqual(high)
    },
  )
})

describe('a lazy auditor that echoes the majority', () => {
  test('is shown up by a planted false run: its verdict says valid, and its evidence is not of any run of its own', async () => {
    const planted = await received(await (await sealing(lie, ann)).reveal())
    const right = await received(await (await sealing(honest, ann)).reveal())
    const echo = async (bundle: Bundle) =>
      verdictOf(
        bundle,
        { outcome: 'valid', trace: { ...honest, leaves: bundle.leaves }, sampled: 1, total: 1 },
        { signer: bob, issuedAt: 1 },
      )
    const own = async (bundle: Bundle) =>
      verdictOf(bundle, await replay(bundle, reference()), { signer: bob, issuedAt: 1 })
    expect((await echo(right)).verdict).toEqual((await own(right)).verdict) // where the run is right, laziness is not seen
    expect((await own(planted)).verdict.outcome).toBe('refuted')
    expect((await echo(planted)).verdict.outcome).toBe('valid')
    const mine = evidenceOf((await replay(planted, reference())).trace)
    expect(equal((await echo(planted)).verdict.evidence, mine)).toBe(false)
  })
})
