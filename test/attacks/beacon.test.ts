/** Challenges that a provider tries to know, to choose or to draw again, in whole proofs of learning. */
import { beforeAll, describe, expect, test } from 'vitest'
import { challenged } from '../../src/attest/challenge.js'
import { about } from '../../src/attest/evidence.js'
import { prove, type Proof } from '../../src/attest/learning.js'
import * as NonceBeacon from '../../src/attest/nonce.js'
import * as RoundBeacon from '../../src/attest/round.js'
import * as Sighting from '../../src/attest/sighting.js'
import { sha256 } from '../../src/core/sha256.js'
import { utf8 } from '../../src/core/bytes.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import { reference } from '../../src/runtime/reference.js'
import { networkOf, roundBeacon, sightingBy, signRound } from '../attest/beacons.js'
import { ordered } from '../attest/training.js'
import { addressOf, alice, bob, carol, codeOf, fill, mallory, requester } from '../receipt/samples.js'
import type { Signer } from '../../src/receipt/signer.js'
import { forged, honest } from './cheat.js'
import { claiming, jumping, reforged } from './reforged.js'
import { outcomeOf, sourceOf, verified } from './verifier.js'

const [STEPS, JUMP, COUNT] = [20, 12, 6]
const SECRET = fill(7)
const network = networkOf(SECRET)
const SEEN = 1_700_000_100n
/** Carol witnesses; who trusts nobody else demands one of the network's rounds. */
const trust = { witnesses: [addressOf(carol)], networks: [network] }

/** A run with one false step, for a job of this salt. */
async function lying(salt: Uint8Array, asking?: Signer): Promise<Bundle> {
  const { job, work } = await ordered({ steps: STEPS, job: { salt, requester: asking } })
  return forged({ job, work, provider: alice, ...(await jumping(work, { after: JUMP, to: work.state })) })
}

async function honestly(asking?: Signer): Promise<Bundle> {
  const { job, work } = await ordered({ steps: STEPS, job: { salt: fill(5), requester: asking } })
  return forged({ job, work, provider: alice, ...(await honest(work)) })
}

const subjectOf = ({ receipt: { receipt } }: Bundle) => about(receipt)
const seenBy = (witness: Signer, bundle: Bundle, seenAt = SEEN) => sightingBy(witness, subjectOf(bundle), { seenAt })

/** The proof of a run by the round that follows from a sighting. */
const provenBy = async (bundle: Bundle, sighting: Sighting.SignedSighting): Promise<Proof> =>
  prove(bundle, reference(), {
    beacon: roundBeacon(network, SECRET, sighting),
    count: COUNT,
    trust: { ...trust, witnesses: [sighting.sighting.witness] },
  })

/** True where the draw of a round that follows from this time meets the false step. */
const meets = (bundle: Bundle, seenAt: bigint): boolean => {
  const randomness = sha256(signRound(SECRET, RoundBeacon.roundOf(network, seenAt)))
  return challenged(sourceOf(bundle, randomness), { count: COUNT, total: STEPS }).includes(JUMP)
}

let own: Bundle
let proof: Proof
beforeAll(async () => {
  own = await honestly()
  proof = await provenBy(own, await seenBy(carol, own))
}, 60_000)

test('an honest proof by a round that came after the sighting passes, and convinces anybody', async () => {
  expect(await verified(proof, { trust })).toMatchObject({
    sampled: COUNT,
    randomness: { convinces: 'anybody', trusted: true },
  })
})

describe('backdated commitments', () => {
  test('with a sighting by the provider itself: attest/self-witnessed, made or shown', async () => {
    const itself = { ...subjectOf(own), witness: addressOf(alice), seenAt: 1n }
    expect(await codeOf(() => Sighting.from(itself))).toBe('attest/self-witnessed')
    const { beacon } = proof
    if (beacon?.kind !== 'round') return expect.unreachable()
    const sighting = { ...beacon.sighting, sighting: { ...beacon.sighting.sighting, witness: addressOf(alice) } }
    const options = { trust: { ...trust, witnesses: [addressOf(alice)] } }
    expect(await outcomeOf({ ...proof, beacon: { ...beacon, sighting } }, options)).toBe('attest/self-witnessed')
  })

  test('with a sighting by a friend whom the verifier does not trust: attest/unknown-witness', async () => {
    const friendly = await provenBy(own, await seenBy(mallory, own, SEEN - 86_400n))
    expect(await outcomeOf(friendly, { trust })).toBe('attest/unknown-witness')
    expect(await outcomeOf(friendly, { trust: { ...trust, witnesses: [] } })).toBe('attest/unknown-witness')
    expect(await outcomeOf(friendly, { trust: { ...trust, witnesses: [addressOf(mallory)] } })).toBe('valid') // who trusts the friend
  })

  test('with an earlier time put into a sighting: receipt/bad-signature', async () => {
    const sighting = await seenBy(carol, own)
    const earlier = { ...sighting, sighting: { ...sighting.sighting, seenAt: SEEN - 3600n } }
    expect(await outcomeOf({ ...proof, beacon: roundBeacon(network, SECRET, earlier) }, { trust })).toBe(
      'receipt/bad-signature',
    )
  })

  test('with a round signed before the sighting, whose draw the provider knew: attest/beacon-not-later', async () => {
    const sighting = await seenBy(carol, own)
    for (const round of [1n, (SEEN - network.genesis) / network.period]) {
      const beacon = { ...roundBeacon(network, SECRET, sighting), round, signature: signRound(SECRET, round) }
      expect(await outcomeOf({ ...proof, beacon }, { trust })).toBe('attest/beacon-not-later')
    }
  })

  test('with the sighting of another claim, made while the run was still going on: attest/wrong-beacon', async () => {
    const early = await claiming(own, { finalState: fill(1) })
    const beacon = roundBeacon(network, SECRET, await seenBy(carol, early))
    expect(await outcomeOf({ ...proof, beacon }, { trust })).toBe('attest/wrong-beacon')
  })
})

describe('chosen rounds', () => {
  test.each([-1n, 1n, 2n, 1000n])('%d off the one that follows by rule: attest/chosen-round', async (off) => {
    const { beacon } = proof
    if (beacon?.kind !== 'round') return expect.unreachable()
    const round = beacon.round + off
    const chosen = { ...beacon, round, signature: signRound(SECRET, round) }
    expect(await outcomeOf({ ...proof, beacon: chosen }, { trust })).toBe('attest/chosen-round')
  })

  test('a cheat whose own round meets its false step finds a later one that does not, and is refused with it', async () => {
    const bundle = await lying(fill(5))
    let seenAt = SEEN
    while (!meets(bundle, seenAt)) seenAt += 3n
    const sighting = await seenBy(carol, bundle, seenAt)
    let round = RoundBeacon.roundOf(network, seenAt)
    const drawnBy = (number: bigint) =>
      challenged(sourceOf(bundle, sha256(signRound(SECRET, number))), { count: COUNT, total: STEPS })
    while (drawnBy(round).includes(JUMP)) round++
    const lucky = { ...roundBeacon(network, SECRET, sighting), round, signature: signRound(SECRET, round) }
    expect(await codeOf(() => prove(bundle, reference(), { beacon: lucky, count: COUNT, trust }))).toBe(
      'attest/chosen-round',
    )
    expect(await outcomeOf(await provenBy(bundle, sighting), { trust })).toBe('attest/false-step') // the round of the rule
  })

  test('a round that the network did not sign: attest/bad-beacon; of another network: attest/unknown-network', async () => {
    const { beacon } = proof
    if (beacon?.kind !== 'round') return expect.unreachable()
    const foreign = { ...beacon, signature: signRound(fill(8), beacon.round) }
    expect(await outcomeOf({ ...proof, beacon: foreign }, { trust })).toBe('attest/bad-beacon')
    const another = roundBeacon(networkOf(fill(8)), fill(8), beacon.sighting)
    expect(await outcomeOf({ ...proof, beacon: another }, { trust })).toBe('attest/unknown-network')
  })
})

describe('withheld rounds', () => {
  test('a proof without the round: attest/needs-beacon', async () =>
    expect(await outcomeOf({ ...proof, beacon: undefined }, { trust })).toBe('attest/needs-beacon'))

  test('a cheat that keeps quiet about a draw and asks the witness again gets the same one', async () => {
    const bundle = await lying(fill(5))
    const seen = new Map<string, Sighting.SignedSighting>()
    const first = await Sighting.witness(bundle.receipt, carol, { seenAt: SEEN, seen })
    for (const later of [3n, 30n, 3600n])
      expect(await Sighting.witness(bundle.receipt, carol, { seenAt: SEEN + later, seen })).toBe(first)
  })

  test('with another claim for the same job it is refused by the witness: attest/equivocation', async () => {
    const bundle = await lying(fill(5))
    const seen = new Map<string, Sighting.SignedSighting>()
    await Sighting.witness(bundle.receipt, carol, { seenAt: SEEN, seen })
    for (let again = 0; again < 4; again++) {
      const leaves = bundle.leaves.map((leaf, i) => (i === JUMP ? { ...leaf, outputs: fill(again) } : leaf))
      const { receipt } = await reforged(bundle, { leaves, steps: leaves })
      expect(await codeOf(() => Sighting.witness(receipt, carol, { seenAt: SEEN, seen }))).toBe('attest/equivocation')
    }
  })

  test('two sightings of one witness for one claim contradict each other: whoever draws twice is shown up', async () => {
    const [one, other] = [await seenBy(carol, own), await seenBy(carol, own, SEEN + 3n)]
    expect(Sighting.contradicts(one, other)).toBe(true)
    expect(Sighting.contradicts(one, one)).toBe(false)
  })
})

describe('many jobs made by the provider itself, for one lucky draw', () => {
  /** The first of many jobs whose draw misses the false step. */
  async function luckyJob(asking?: Signer): Promise<Proof> {
    for (let tried = 0; ; tried++) {
      const bundle = await lying(sha256(utf8(`self-made ${tried}`)), asking)
      if (!meets(bundle, SEEN)) return provenBy(bundle, await seenBy(carol, bundle))
    }
  }

  test('nobody asked for: the false step escapes, and the finding says selfIssued', async () => {
    const lucky = await luckyJob()
    expect(await verified(lucky, { trust })).toMatchObject({ selfIssued: true, jump: COUNT / STEPS })
    expect(await outcomeOf(lucky, { trust, requested: true })).toBe('receipt/unrequested')
  })

  test('signed by the provider as its own requester: the finding says selfIssued all the same', async () => {
    const lucky = await luckyJob(alice)
    expect(await verified(lucky, { trust, requested: true })).toMatchObject({ selfIssued: true })
  })

  test('asked for by somebody else it has one draw, and is not labelled', async () => {
    const asked = await honestly(requester)
    const finding = await verified(await provenBy(asked, await seenBy(carol, asked)), { trust, requested: true })
    expect(finding.selfIssued).toBe(false)
  })
})

describe('nonces from before the claim', () => {
  const signed = (subject: ReturnType<typeof subjectOf>) =>
    NonceBeacon.sign(subject, bob, { issuedAt: 1, nonce: fill(9) })
  const byBob = { trust: { verifier: addressOf(bob) } }

  test('cannot name it: its hash stands in the nonce, and any other is refused as attest/wrong-beacon', async () => {
    const before = [fill(0), fill(1), sha256(utf8('a claim that I will make'))]
    for (const claim of before) {
      const beacon = await signed({ ...subjectOf(own), claim })
      expect(await outcomeOf({ ...proof, beacon }, byBob)).toBe('attest/wrong-beacon')
    }
    const beacon = await signed(subjectOf(own))
    const after = await prove(own, reference(), { beacon, count: COUNT, ...byBob })
    expect(await outcomeOf(after, byBob)).toBe('valid')
  })

  test('for another job or provider are refused as attest/wrong-beacon', async () => {
    for (const change of [{ job: fill(1) }, { provider: addressOf(mallory) }]) {
      const beacon = await signed({ ...subjectOf(own), ...change })
      expect(await outcomeOf({ ...proof, beacon }, byBob)).toBe('attest/wrong-beacon')
    }
  })

  test('that the provider signs itself: attest/self-witnessed', async () =>
    expect(await codeOf(() => NonceBeacon.sign(subjectOf(own), alice, { issuedAt: 1 }))).toBe('attest/self-witnessed'))

  test('agreed upon with a friend convince nobody else: attest/beacon-not-later', async () => {
    const bundle = await lying(fill(5))
    const drawnBy = (nonce: number) => challenged(sourceOf(bundle, fill(nonce)), { count: COUNT, total: STEPS })
    let nonce = 0
    while (drawnBy(nonce).includes(JUMP)) nonce++
    const beacon = await NonceBeacon.sign(subjectOf(bundle), mallory, { issuedAt: 1, nonce: fill(nonce) })
    const friendly = await prove(bundle, reference(), { beacon, count: COUNT, trust: { verifier: addressOf(mallory) } })
    expect(await outcomeOf(friendly, byBob)).toBe('attest/beacon-not-later')
    expect(await outcomeOf(friendly, { trust: { verifier: addressOf(mallory) } })).toBe('valid') // the friend may believe it
  })
})
