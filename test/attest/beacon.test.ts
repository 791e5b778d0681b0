import { bls12_381 } from '@noble/curves/bls12-381.js'
import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as Beacon from '../../src/attest/beacon.js'
import * as BlockBeacon from '../../src/attest/block.js'
import type { Subject } from '../../src/attest/evidence.js'
import * as NonceBeacon from '../../src/attest/nonce.js'
import * as RoundBeacon from '../../src/attest/round.js'
import * as Sighting from '../../src/attest/sighting.js'
import { concat, fromHex, toHex, utf8 } from '../../src/core/bytes.js'
import { FAULTS, Fault } from '../../src/core/faults.js'
import { sha256 } from '../../src/core/sha256.js'
import * as Receipt from '../../src/receipt/receipt.js'
import { OFF_CHAIN } from '../../src/receipt/typed-data.js'
import {
  ON_CHAIN,
  addressOf,
  alice,
  bob,
  carol,
  claimOf,
  codeOf,
  fill,
  flip,
  mallory,
  metadata,
  receiptBy,
  signedJob,
} from '../receipt/samples.js'
import { blockHash, chainWith, networkOf, roundBeacon, sightingBy, signRound } from './beacons.js'

const subject: Subject = { job: fill(1), claim: fill(2), provider: addressOf(alice) }
const SECRET = fill(7)
const network = networkOf(SECRET)
const SEEN = 1_700_000_100n
const witnesses = [addressOf(bob)]
const relied = { witnesses, networks: [network] }

const sighting = await sightingBy(bob, subject, { seenAt: SEEN })
const round = roundBeacon(network, SECRET, sighting)
const block = BlockBeacon.from({ chainId: 1, committed: 100 })
const chain = chainWith(subject, { at: 100n, head: 200n })
const nonce = await NonceBeacon.sign(subject, carol, { issuedAt: 1_700_000_200, nonce: fill(9) })

/** What each beacon is checked with. */
const CASES = [
  ['round', round, relied],
  ['block', block, { chain }],
  ['nonce', nonce, { verifier: carol.address }],
] as const

const OTHERS: readonly (readonly [string, Subject])[] = [
  ['another claim', { ...subject, claim: fill(3) }],
  ['another job', { ...subject, job: fill(3) }],
  ['another provider', { ...subject, provider: addressOf(mallory) }],
]

describe.each(CASES)('a beacon of kind %s', (kind, beacon, options) => {
  test('shows randomness that came later, whom it convinces, and who must be trusted', async () => {
    const evidence = await Beacon.verify(beacon, subject, options)
    expect(evidence.kind).toBe(kind)
    expect(evidence.randomness).toHaveLength(32)
    expect(evidence.notBefore >= evidence.seenAt).toBe(true)
    expect(evidence.trusted).toBe(true)
    expect(evidence.convinces).toBe(kind === 'nonce' ? 'verifier only' : 'anybody')
    expect(evidence.by).toMatch(kind === 'block' ? /chain 1/ : /0x[0-9a-f]{40}/)
  })

  test('has one form in files, and comes back the same', () => {
    const bytes = Beacon.encode(beacon)
    expect(Beacon.decode(bytes)).toEqual(beacon)
    expect(Beacon.encode(Beacon.decode(bytes))).toEqual(bytes)
    expect(Beacon.from(beacon)).toEqual(beacon)
    expect(Beacon.hash(beacon)).toEqual(sha256(bytes))
  })

  test.each(OTHERS)('is refused for %s', async (_, other) => {
    const code = kind === 'block' ? 'attest/not-committed' : 'attest/wrong-beacon'
    expect(await codeOf(() => Beacon.verify(beacon, other, options))).toBe(code)
  })

  test('with any bit of its file flipped is refused by name', async () => {
    const bytes = Beacon.encode(beacon)
    const named = new Set(Object.keys(FAULTS))
    for (let at = 0; at < bytes.length; at++) {
      const damaged = flip(bytes, 8 * at + (at % 8))
      expect(named).toContain(await codeOf(async () => Beacon.verify(Beacon.decode(damaged), subject, options)))
    }
  })

  test('with a field too many, a field missing or another kind is refused', async () => {
    const json = JSON.parse(new TextDecoder().decode(Beacon.encode(beacon))) as Record<string, unknown>
    const sorted = (value: Record<string, unknown>): Uint8Array =>
      utf8(JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))))
    const read = (value: Record<string, unknown>): Promise<string> => codeOf(() => Beacon.decode(sorted(value)))
    expect(Beacon.decode(sorted(json))).toEqual(beacon)
    expect(await read({ ...json, extra: 1 })).toBe('core/unknown-field')
    for (const kind of ['constructor', 'tides', 1]) expect(await read({ ...json, kind })).toBe('core/bad-field')
    const without = (key: string): Record<string, unknown> =>
      Object.fromEntries(Object.entries(json).filter(([one]) => one !== key))
    expect(await read(without('kind'))).toBe('core/bad-field')
    for (const key of Object.keys(json).filter((one) => !['format', 'kind', 'version'].includes(one))) {
      expect(await read(without(key))).toBe('core/missing-field')
    }
  })
})

describe('sightings', () => {
  const verify = (signed: Sighting.SignedSighting, options: Sighting.SightingOptions = { witnesses }): unknown =>
    Sighting.verify(signed, subject, options)

  test('come back from their file the same, and verify', async () => {
    expect(Sighting.decode(Sighting.encode(sighting))).toEqual(sighting)
    expect(
      await Sighting.verify(sighting, subject, { witnesses: [bob.address.toUpperCase().replace('0X', '0x')] }),
    ).toBe(sighting)
  })

  test('R15 backdated by the provider itself are refused, even where it is on the list', async () => {
    const own = { ...subject, witness: alice.address, seenAt: 1n }
    expect(await codeOf(() => Sighting.from(own))).toBe('attest/self-witnessed')
    const forged = { ...sighting, sighting: { ...sighting.sighting, witness: subject.provider } }
    expect(await codeOf(() => verify(forged, { witnesses: [alice.address] }))).toBe('attest/self-witnessed')
  })

  test('by a witness that the verifier does not name are refused; without names, all are', async () => {
    expect(await codeOf(() => verify(sighting, { witnesses: [carol.address] }))).toBe('attest/unknown-witness')
    expect(await codeOf(() => verify(sighting, { witnesses: [] }))).toBe('attest/unknown-witness')
    expect(await codeOf(() => verify(sighting, {}))).toBe('attest/unknown-witness')
  })

  test('of which the time was changed after signing are refused', async () => {
    const earlier = { ...sighting, sighting: { ...sighting.sighting, seenAt: SEEN - 1n } }
    expect(await codeOf(() => verify(earlier))).toBe('receipt/bad-signature')
  })

  test('signed for another chain or contract are refused', async () => {
    const elsewhere = await sightingBy(bob, subject, { seenAt: SEEN, domain: ON_CHAIN })
    expect(await codeOf(() => verify(elsewhere, { witnesses, domain: OFF_CHAIN }))).toBe('receipt/wrong-domain')
    const moved = { ...elsewhere, domain: OFF_CHAIN }
    expect(await codeOf(() => verify(moved, { witnesses, domain: OFF_CHAIN }))).toBe('receipt/bad-signature')
    expect(await verify(elsewhere, { witnesses, domain: ON_CHAIN })).toBe(elsewhere)
  })

  test('are signed by their witness alone', async () => {
    expect(await codeOf(() => Sighting.sign(sighting.sighting, carol))).toBe('receipt/bad-signature')
  })

  test('contradict each other where one witness gave one job of one provider two times, or saw two claims', async () => {
    const seen = (change: Partial<Subject>, seenAt = SEEN): Promise<Sighting.SignedSighting> =>
      sightingBy(bob, { ...subject, ...change }, { seenAt })
    expect(Sighting.contradicts(sighting, await seen({}, SEEN + 1n))).toBe(true)
    expect(Sighting.contradicts(sighting, await seen({ claim: fill(3) }))).toBe(true)
    expect(Sighting.contradicts(sighting, await seen({}))).toBe(false)
    expect(Sighting.contradicts(sighting, await seen({ job: fill(3), claim: fill(4) }))).toBe(false)
    expect(Sighting.contradicts(sighting, await seen({ provider: addressOf(mallory) }, 1n))).toBe(false)
    expect(Sighting.contradicts(sighting, await sightingBy(carol, subject, { seenAt: 1n }))).toBe(false)
  })
})

describe('a witness', async () => {
  const job = await signedJob()
  const receipt = await receiptBy(alice, job)
  const asked = (
    signed: Receipt.SignedReceipt,
    seen: Sighting.Sightings,
    seenAt = SEEN,
  ): Promise<Sighting.SignedSighting> => Sighting.witness(signed, bob, { seenAt, seen })

  test('signs what it sees first, and gives the same answer again', async () => {
    const seen = new Map<string, Sighting.SignedSighting>()
    const first = await asked(receipt, seen)
    expect(await Sighting.verify(first, Beacon.about(receipt.receipt), { witnesses })).toBe(first)
    expect(first.sighting.seenAt).toBe(SEEN)
    expect(await asked(receipt, seen, SEEN + 1000n)).toBe(first)
    expect(seen.size).toBe(1)
  })

  test('R9 R15 refuses every other claim for that job: grinding over claims and over times yields one draw', async () => {
    const seen = new Map<string, Sighting.SignedSighting>()
    const first = await asked(receipt, seen)
    for (let answer = 8; answer < 24; answer++) {
      const again = await receiptBy(alice, job, answer)
      expect(await codeOf(() => asked(again, seen, SEEN + BigInt(answer)))).toBe('attest/equivocation')
    }
    const elsewhere = await Receipt.sign(claimOf(job.job, 24), alice, {
      job: await signedJob(undefined, ON_CHAIN),
      metadata,
      issuedAt: 1,
    })
    expect(await codeOf(() => asked(elsewhere, seen))).toBe('attest/equivocation')
    expect([...seen.values()]).toEqual([first])
  })

  test('asked twice at once signs for one of the two', async () => {
    const seen = new Map<string, Sighting.SignedSighting>()
    const times = [SEEN, SEEN + 9n, SEEN + 18n]
    const answers = await Promise.all(times.map((at) => asked(receipt, seen, at)))
    expect(new Set(answers).size).toBe(1)
    const other = await receiptBy(alice, job, 8)
    const fresh = new Map<string, Sighting.SignedSighting>()
    const both = await Promise.allSettled([asked(receipt, fresh), asked(other, fresh)])
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  test("keeps nobody's place for a stranger, and sees other providers for the same job", async () => {
    const seen = new Map<string, Sighting.SignedSighting>()
    const forged = { ...receipt, receipt: { ...receipt.receipt, provider: addressOf(carol) } }
    expect(await codeOf(() => asked(forged, seen))).toBe('receipt/bad-signature')
    expect(seen.size).toBe(0)
    await asked(receipt, seen)
    await asked(await receiptBy(carol, job, 8), seen)
    expect(seen.size).toBe(2)
    expect(await codeOf(async () => asked(await receiptBy(bob, job), seen))).toBe('attest/self-witnessed')
  })
})

describe('rounds', () => {
  const verify = (beacon: RoundBeacon.RoundBeacon, options: Beacon.BeaconOptions = relied): Promise<unknown> =>
    Beacon.verify(beacon, subject, options)

  test('follow from the sighting: the first that is signed a delay later, never one before', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 100_000n }),
        fc.bigInt({ min: 0n, max: 100_000n }),
        fc.bigInt({ min: 0n, max: 1n << 33n }),
        fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        (period, more, genesis, seenAt) => {
          const on = networkOf(SECRET, { period, delay: period + more, genesis })
          const found = RoundBeacon.roundOf(on, seenAt)
          expect(found >= 1n).toBe(true)
          expect(RoundBeacon.timeOf(on, found) >= seenAt + on.delay).toBe(true)
          if (found > 1n) expect(RoundBeacon.timeOf(on, found - 1n) < seenAt + on.delay).toBe(true)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('R15 A8 of any other number are refused, though the network signed them', async () => {
    const other = (number: bigint): RoundBeacon.RoundBeacon => ({
      ...round,
      round: number,
      signature: signRound(SECRET, number),
    })
    const first = (SEEN - network.genesis) / network.period + 2n // the first round after the sighting
    expect(await codeOf(() => verify(other(round.round + 1n)))).toBe('attest/chosen-round')
    expect(await codeOf(() => verify(other(round.round - 1n)))).toBe('attest/chosen-round')
    expect(await codeOf(() => verify(other(first)))).toBe('attest/chosen-round')
    expect(await codeOf(() => verify(other(first - 1n)))).toBe('attest/beacon-not-later')
    expect(await codeOf(() => verify(other(1n)))).toBe('attest/beacon-not-later')
    expect(await codeOf(() => verify(other(0n)))).toBe('attest/beacon-not-later')
    expect(await codeOf(() => verify(other((1n << 64n) - 1n)))).toBe('attest/chosen-round')
  })

  test('signed in the very second of the sighting are not later', async () => {
    const at = await sightingBy(bob, subject, { seenAt: RoundBeacon.timeOf(network, 40n) })
    const beacon = { ...RoundBeacon.from(network, at, signRound(SECRET, 40n)), round: 40n }
    expect(await codeOf(() => verify(beacon))).toBe('attest/beacon-not-later')
  })

  test('with the signature of another round, or of another network, are refused', async () => {
    const wrong = (signature: Uint8Array): RoundBeacon.RoundBeacon => ({ ...round, signature })
    expect(await codeOf(() => verify(wrong(signRound(SECRET, round.round + 1n))))).toBe('attest/bad-beacon')
    expect(await codeOf(() => verify(wrong(signRound(fill(8), round.round))))).toBe('attest/bad-beacon')
  })

  test('of a network that the verifier does not name are refused, and so is another description of it', async () => {
    expect(await codeOf(() => verify(round, { witnesses }))).toBe('attest/unknown-network')
    expect(await codeOf(() => verify(round, { witnesses, networks: [RoundBeacon.QUICKNET] }))).toBe(
      'attest/unknown-network',
    )
    for (const change of [{ delay: 31n }, { genesis: network.genesis + 1n }, { period: 4n }]) {
      const networks = [RoundBeacon.network({ ...network, ...change })]
      expect(await codeOf(() => verify(round, { witnesses, networks }))).toBe('attest/unknown-network')
    }
  })

  test('with bytes that are no signature are refused: infinity, no point, x beyond the field, outside of the subgroup', async () => {
    const { Fp } = bls12_381.fields
    const infinity = concat(Uint8Array.of(0xc0), new Uint8Array(47))
    const flags = (bytes: Uint8Array): Uint8Array => concat(Uint8Array.of(bytes[0] | 0x80), bytes.subarray(1))
    const x = (value: bigint): Uint8Array => flags(fromHex(value.toString(16).padStart(96, '0')))
    const outside = x(outsideOfSubgroup())
    for (const signature of [infinity, new Uint8Array(48), x(Fp.ORDER), x((1n << 381n) - 1n), x(1n), outside]) {
      expect(await codeOf(() => verify({ ...round, signature }))).toBe('attest/bad-beacon')
    }
  })

  test('have one encoding: the same point with x + p is refused, so that nobody has a second randomness', async () => {
    const { Fp } = bls12_381.fields
    const mask = (1n << 381n) - 1n
    for (let number = 1n; ; number++) {
      const signature = signRound(SECRET, number)
      const x = BigInt(`0x${toHex(signature)}`) & mask
      if (x + Fp.ORDER > mask) continue
      const other = fromHex((x + Fp.ORDER).toString(16).padStart(96, '0'))
      other[0] |= signature[0] & 0xe0
      const seenAt = RoundBeacon.timeOf(network, number) - network.delay
      const at = await sightingBy(bob, subject, { seenAt })
      expect(await Beacon.verify(RoundBeacon.from(network, at, signature), subject, relied)).toBeDefined()
      expect(await codeOf(() => verify(RoundBeacon.from(network, at, other)))).toBe('attest/bad-beacon')
      break
    }
  })

  test('of a network whose key is no key are refused, infinity too', async () => {
    const infinity = concat(Uint8Array.of(0xc0), new Uint8Array(95))
    for (const publicKey of [infinity, new Uint8Array(96), fill(1)].map((key) =>
      concat(key, new Uint8Array(96 - key.length)),
    )) {
      const on = RoundBeacon.network({ ...network, publicKey })
      const beacon = RoundBeacon.from(on, sighting, concat(Uint8Array.of(0xc0), new Uint8Array(47)))
      expect(await codeOf(() => verify(beacon, { witnesses, networks: [on] }))).toBe('attest/bad-beacon')
    }
  })

  test('a network waits at least a period, and 30 seconds unless told', async () => {
    expect(network.delay).toBe(30n)
    expect(networkOf(SECRET, { period: 60n }).delay).toBe(60n)
    expect(networkOf(SECRET, { delay: 3n }).delay).toBe(3n)
    expect(await codeOf(() => networkOf(SECRET, { delay: 2n }))).toBe('core/bad-number')
    expect(await codeOf(() => networkOf(SECRET, { period: 0n }))).toBe('core/bad-number')
    expect(await codeOf(() => RoundBeacon.network({ ...network, publicKey: fill(1) }))).toBe('core/bad-field')
    expect(await codeOf(() => RoundBeacon.network({ ...network, scheme: 'other' as never }))).toBe('core/bad-field')
  })
})

/** The x of a point on y^2 = x^3 + 4 that is not in the group of prime order. */
function outsideOfSubgroup(): bigint {
  const { Fp } = bls12_381.fields
  const { Point } = bls12_381.G1
  for (let x = 2n; ; x++) {
    const square = Fp.add(Fp.pow(x, 3n), 4n)
    if (Fp.pow(square, (Fp.ORDER - 1n) / 2n) !== 1n) continue
    if (!new Point(x, Fp.sqrt(square), 1n).isTorsionFree()) return x
  }
}

describe('the network quicknet of the League of Entropy', () => {
  const vectors = JSON.parse(readFileSync(new URL('../vectors/rounds.json', import.meta.url), 'utf8')) as {
    rules: { network: Record<string, string>; hash: string; cases: { seenAt: string; round: string; time: string }[] }[]
    signed: { round: number; signature: string; randomness: string }[]
  }

  test.each(vectors.rules.map((rule, i) => [i, rule] as const))(
    'rule %i of the vectors',
    (_, { network: of, hash, cases }) => {
      const { publicKey, genesis, period, delay } = of
      const [start, step, wait] = [genesis, period, delay].map(BigInt)
      const scheme = 'bls-unchained-g1-rfc9380'
      const on = RoundBeacon.network({
        scheme,
        publicKey: fromHex(publicKey),
        genesis: start,
        period: step,
        delay: wait,
      })
      expect(toHex(RoundBeacon.hashNetwork(on))).toBe(hash)
      for (const { seenAt, round: number, time } of cases) {
        expect(RoundBeacon.roundOf(on, BigInt(seenAt))).toBe(BigInt(number))
        expect(RoundBeacon.timeOf(on, BigInt(number))).toBe(BigInt(time))
      }
    },
  )

  test.each(vectors.signed)('signed round $round', async ({ round: number, signature, randomness }) => {
    const on = RoundBeacon.QUICKNET
    const seenAt = RoundBeacon.timeOf(on, BigInt(number)) - on.delay
    const seen = await sightingBy(bob, subject, { seenAt })
    const beacon = RoundBeacon.from(on, seen, fromHex(signature))
    expect(beacon.round).toBe(BigInt(number))
    const evidence = await Beacon.verify(beacon, subject, { witnesses, networks: [on] })
    expect(toHex(evidence.randomness)).toBe(randomness)
    expect(evidence.notBefore).toBe(seenAt + on.delay)
    const next = RoundBeacon.from(on, await sightingBy(bob, subject, { seenAt: seenAt + 1n }), fromHex(signature))
    const refused = codeOf(() => Beacon.verify(next, subject, { witnesses, networks: [on] }))
    expect(await refused).toBe('attest/bad-beacon')
  })
})

describe('blocks', () => {
  const verify = (beacon: BlockBeacon.BlockBeacon, options: Beacon.BeaconOptions = { chain }): Promise<unknown> =>
    Beacon.verify(beacon, subject, options)

  test('give the hash of the fourth block after the one that holds the claim', async () => {
    expect(await verify(block)).toMatchObject({
      randomness: blockHash(104n),
      seenAt: 1_700_001_200n,
      notBefore: 1_700_001_248n,
    })
  })

  test('R15 of any other number are refused; not later ones by their own name', async () => {
    const numbered = (number: bigint): Promise<string> => codeOf(() => verify({ ...block, number }))
    for (const number of [101n, 103n, 105n, 1000n]) expect(await numbered(number)).toBe('attest/chosen-round')
    for (const number of [100n, 99n, 0n]) expect(await numbered(number)).toBe('attest/beacon-not-later')
  })

  test('of a chain that holds no such claim there are refused', async () => {
    const moved = BlockBeacon.from({ chainId: 1, committed: 99 })
    expect(await codeOf(() => verify(moved))).toBe('attest/not-committed')
    const empty = { ...chain, holds: async () => undefined }
    expect(await codeOf(() => verify(block, { chain: empty }))).toBe('attest/not-committed')
  })

  test('of a chain whose time stands still are refused', async () => {
    const still = { ...chain, block: async (number: bigint) => ({ hash: blockHash(number), timestamp: 1n }) }
    expect(await codeOf(() => verify(block, { chain: still }))).toBe('attest/beacon-not-later')
  })

  test('that the chain does not have yet are pending', async () => {
    const young = chainWith(subject, { at: 100n, head: 103n })
    expect(await codeOf(() => verify(block, { chain: young }))).toBe('attest/pending-beacon')
    expect(FAULTS['attest/pending-beacon'].exit).toBe(3)
  })

  test('say nothing without that chain, or where it does not answer', async () => {
    expect(await codeOf(() => verify(block, {}))).toBe('attest/no-chain')
    expect(await codeOf(() => verify(block, { chain: { ...chain, chainId: 2n } }))).toBe('attest/no-chain')
    const silent = { ...chain, block: () => Promise.reject(new Error('no route')) }
    expect(await codeOf(() => verify(block, { chain: silent }))).toBe('attest/no-chain')
    const rude = { ...chain, block: async () => ({ hash: fill(1).subarray(1), timestamp: 1n }) }
    expect(await codeOf(() => verify(block, { chain: rude }))).toBe('core/bad-field')
  })
})

describe('nonces', () => {
  test('of another verifier verify, convince nobody, and say whose they are', async () => {
    for (const options of [{}, { verifier: mallory.address }]) {
      const evidence = await Beacon.verify(nonce, subject, options)
      expect(evidence).toMatchObject({ convinces: 'verifier only', trusted: false, witness: addressOf(carol) })
    }
  })

  test('by the provider itself are refused', async () => {
    expect(await codeOf(() => NonceBeacon.sign(subject, alice, { issuedAt: 1 }))).toBe('attest/self-witnessed')
    const forged = { ...nonce, challenge: { ...nonce.challenge, verifier: subject.provider } }
    expect(await codeOf(() => Beacon.verify(forged, subject))).toBe('attest/self-witnessed')
  })

  test('exchanged after signing are refused', async () => {
    const changed = { ...nonce, challenge: { ...nonce.challenge, nonce: fill(10) } }
    expect(await codeOf(() => Beacon.verify(changed, subject))).toBe('receipt/bad-signature')
  })

  test('for another chain or contract are refused', async () => {
    expect(await codeOf(() => Beacon.verify(nonce, subject, { domain: ON_CHAIN }))).toBe('receipt/wrong-domain')
  })

  test('are fresh unless told', async () => {
    const [one, other] = await Promise.all([1, 2].map(() => NonceBeacon.sign(subject, carol, { issuedAt: 1 })))
    expect(one.challenge.nonce).not.toEqual(other.challenge.nonce)
  })
})

test('a subject with an unsound field is refused before anything is verified', async () => {
  const bad = { ...subject, claim: fill(1).subarray(1) }
  expect(await codeOf(() => Beacon.verify(round, bad, relied))).toBe('core/bad-field')
  expect(await codeOf(() => Beacon.verify(round, { ...subject, provider: `0x${'0'.repeat(40)}` }, relied))).toBe(
    'receipt/zero-address',
  )
})

test('a beacon never stands in typed data itself', () => {
  expect(() => Beacon.field.toTyped(round)).toThrow(Fault)
  expect(Beacon.kinds).toEqual(['block', 'round', 'nonce'])
})
