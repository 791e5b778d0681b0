/** Proofs of learning used a second time: for another job, by another worker, under another policy, beacon or chain, or mixed. */
import { beforeAll, describe, expect, test } from 'vitest'
import { prove, type Proof } from '../../src/attest/learning.js'
import * as Proofs from '../../src/attest/proof.js'
import { toHex } from '../../src/core/bytes.js'
import { check } from '../../src/core/check.js'
import type { BundleFiles, BundleReader } from '../../src/receipt/objects.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import * as Job from '../../src/receipt/job.js'
import * as Policy from '../../src/receipt/policy.js'
import { hash as hashPolicy } from '../../src/receipt/policy.js'
import * as Receipt from '../../src/receipt/receipt.js'
import { reference } from '../../src/runtime/reference.js'
import { nonceFor, ordered } from '../attest/training.js'
import { ON_CHAIN, addressOf, alice, bob, carol, fill, mallory, metadata } from '../receipt/samples.js'
import { forged, honest } from './cheat.js'
import { nonceOf, outcomeOf, proofOf, trust, verified } from './verifier.js'

const [STEPS, COUNT] = [12, 4]

let own: Bundle
let next: Awaited<ReturnType<typeof ordered>>
let proof: Proof
beforeAll(async () => {
  const first = await ordered({ steps: STEPS, job: { salt: fill(5) } })
  own = await forged({ ...first, provider: alice, ...(await honest(first.work)) })
  next = await ordered({ steps: STEPS, job: { salt: fill(6) } })
  proof = await proofOf(own, { count: COUNT })
}, 60_000)

/** The claim of a receipt, changed, signed by somebody. */
async function signedAnew(change: Partial<Receipt.Receipt['claim']>, job: Job.SignedJob, signer = alice) {
  const { claim } = own.receipt.receipt
  return Receipt.sign({ ...claim, ...change }, signer, { job, metadata, issuedAt: 1 })
}

test('the proof passes for the job, the worker, the beacon and the chain that it was made for', async () => {
  expect(await outcomeOf(proof, { job: own.receipt.job, least: COUNT })).toBe('valid')
})

describe('an old proof for a new job', () => {
  test('as it is: receipt/wrong-job', async () =>
    expect(await outcomeOf(proof, { job: next.job.job })).toBe('receipt/wrong-job'))

  test('with the new job put into its receipt: receipt/wrong-job', async () =>
    expect(await outcomeOf({ ...proof, receipt: { ...proof.receipt, job: next.job.job } })).toBe('receipt/wrong-job'))

  test('with its claim signed again for the new job: attest/wrong-beacon, the nonce was for the old claim', async () => {
    const receipt = await signedAnew({ job: Job.hash(next.job.job) }, next.job)
    expect(await outcomeOf({ ...proof, receipt })).toBe('attest/wrong-beacon')
  })

  test('with a fresh nonce for that claim too: attest/wrong-start, the new job draws other first weights', async () => {
    const states = [own.initialState, ...(await honest({ ...next.work, state: own.initialState })).states.slice(1)]
    const bundle = await forged({ ...next, provider: alice, states })
    for (let nonce = 0; nonce < 4; nonce++)
      expect(await outcomeOf(await proofOf(bundle, { nonce, count: COUNT }), { job: next.job.job })).toBe(
        'attest/wrong-start',
      )
    const old = await forged({
      ...next,
      provider: alice,
      ...(await honest((await ordered({ steps: STEPS, job: { salt: fill(5) } })).work)),
    })
    expect(await outcomeOf(await proofOf(old, { count: COUNT }))).toBe('attest/wrong-start')
  })

  test('the honest run of the new job passes there', async () => {
    const bundle = await forged({ ...next, provider: alice, ...(await honest(next.work)) })
    expect(await outcomeOf(await proofOf(bundle, { count: COUNT }), { job: next.job.job })).toBe('valid')
  })
})

describe("another worker's proof as one's own", () => {
  test('with the name of the provider exchanged: receipt/bad-signature', async () => {
    const receipt = { ...proof.receipt.receipt, provider: addressOf(mallory) }
    expect(await outcomeOf({ ...proof, receipt: { ...proof.receipt, receipt } })).toBe('receipt/bad-signature')
  })

  test('with the claim signed by the thief: attest/wrong-beacon, the nonce was for the worker', async () => {
    const { domain, job, policy, jobSignature: signature } = proof.receipt
    const receipt = await signedAnew({}, { domain, job, policy, signature }, mallory)
    expect(await outcomeOf({ ...proof, receipt })).toBe('attest/wrong-beacon')
  })

  test('with a nonce for the thief: attest/wrong-challenge, another provider is asked for other leaves', async () => {
    const { domain, job, policy, jobSignature: signature } = proof.receipt
    const receipt = await signedAnew({}, { domain, job, policy, signature }, mallory)
    const beacon = await nonceFor({ receipt }, bob, nonceOf(0))
    expect(await outcomeOf({ ...proof, receipt, beacon })).toBe('attest/wrong-challenge')
  })

  test('a thief that holds the whole run can prove it: the run is right, and only seals show who had it first', async () => {
    const first = await ordered({ steps: STEPS, job: { salt: fill(5) } })
    const copied = await forged({ ...first, provider: mallory, ...(await honest(first.work)) })
    const finding = await verified(await proofOf(copied, { count: COUNT }))
    expect(finding.receipt.receipt.provider).toBe(addressOf(mallory))
    expect(toHex(finding.receipt.receipt.claim.run)).toBe(toHex(own.receipt.receipt.claim.run))
  })
})

describe('the same proof under', () => {
  test('another policy: receipt/wrong-policy, and receipt/wrong-job where the job names it', async () => {
    const policy = Policy.audited(1)
    expect(await outcomeOf({ ...proof, receipt: { ...proof.receipt, policy } })).toBe('receipt/wrong-policy')
    const job = { ...proof.receipt.job, policy: hashPolicy(policy) }
    expect(await outcomeOf({ ...proof, receipt: { ...proof.receipt, policy, job } })).toBe('receipt/wrong-job')
  })

  test('another nonce of the same verifier: attest/wrong-challenge', async () => {
    const beacon = await nonceFor(own, bob, nonceOf(1))
    expect(await outcomeOf({ ...proof, beacon })).toBe('attest/wrong-challenge')
    expect(await outcomeOf(await proofOf(own, { nonce: 1, count: COUNT }))).toBe('valid')
  })

  test('the nonce of another verifier: attest/beacon-not-later', async () => {
    const beacon = await nonceFor(own, carol, nonceOf(0))
    const theirs = await prove(own, reference(), { beacon, count: COUNT, trust: { verifier: addressOf(carol) } })
    expect(await outcomeOf(theirs)).toBe('attest/beacon-not-later')
    expect(await outcomeOf(theirs, { trust: { verifier: addressOf(carol) } })).toBe('valid')
  })

  test("the nonce's text exchanged: receipt/bad-signature", async () => {
    const beacon = await nonceFor(own, bob, nonceOf(0))
    const challenge = { ...beacon.challenge, nonce: nonceOf(1) }
    expect(await outcomeOf({ ...proof, beacon: { ...beacon, challenge } })).toBe('receipt/bad-signature')
  })

  test("another chain's domain: receipt/wrong-domain, for the receipt and for the nonce", async () => {
    expect(await outcomeOf(proof, { domain: ON_CHAIN })).toBe('receipt/wrong-domain')
    expect(await outcomeOf(proof, { trust: { ...trust, domain: ON_CHAIN } })).toBe('receipt/wrong-domain')
    const moved = { ...proof, receipt: { ...proof.receipt, domain: ON_CHAIN } }
    expect(await outcomeOf(moved, { domain: ON_CHAIN, staticcall: () => null })).toBe('receipt/bad-signature')
    expect(
      await outcomeOf(proof, { domain: proof.receipt.domain, trust: { ...trust, domain: proof.receipt.domain } }),
    ).toBe('valid')
  })
})

/** A folder that shows, of files of two proofs, those that are asked for: nothing in it is superfluous. */
function showing(files: BundleFiles): BundleReader {
  const asked = new Set<string>()
  return {
    read: (path) => (asked.add(path), files.get(path)),
    list: () => [...asked].filter((path) => files.has(path)),
  }
}

/** What becomes of a proof in which these files are the other's. */
async function mixed(one: Proof, other: Proof, theirs: readonly string[]): Promise<string> {
  const [files, others] = [Proofs.encode(one), Proofs.encode(other)]
  const all = new Map([...others, ...files])
  for (const path of theirs) all.set(path, others.get(path)!)
  const decoded = await check(() => Proofs.decode(showing(all)))
  return decoded.ok ? outcomeOf(decoded.value) : decoded.fault.code
}

describe('files of two proofs mixed', () => {
  let other: Proof
  beforeAll(async () => {
    const bundle = await forged({ ...next, provider: alice, ...(await honest(next.work)) })
    other = await proofOf(bundle, { count: COUNT })
  })

  test('none exchanged, or all of them, are the two proofs, and pass', async () => {
    expect(await mixed(proof, other, [])).toBe('valid')
    expect(await mixed(proof, other, ['receipt.json', 'learning.json'])).toBe('valid') // program and schedule are the same
  })

  test('the receipt of one and all else of the other: attest/wrong-beacon', async () => {
    expect(await outcomeOf({ ...proof, receipt: other.receipt })).toBe('attest/wrong-beacon')
    expect(await outcomeOf({ ...other, receipt: proof.receipt })).toBe('attest/wrong-beacon')
  })

  test('the same as files: bundle/wrong-size, the other seed draws samples with ways of another length', async () => {
    expect(await mixed(proof, other, ['receipt.json'])).toBe('bundle/wrong-size')
    expect(await mixed(proof, other, ['learning.json'])).toBe('bundle/wrong-size')
  })

  test.each([
    ['beacon', 'attest/wrong-beacon'],
    ['openings', 'attest/wrong-challenge'],
    ['challenges', 'attest/wrong-challenge'],
  ] as const)('the %s of the other: %s', async (part, fault) =>
    expect(await outcomeOf({ ...proof, [part]: other[part] })).toBe(fault),
  )

  test('the count of another proof of the same run: attest/wrong-challenge', async () => {
    const more = await proofOf(own, { count: COUNT + 1 })
    expect(await outcomeOf({ ...proof, count: more.count })).toBe('attest/wrong-challenge')
    expect(await outcomeOf(more)).toBe('valid')
  })

  test('openings of the same leaves of the other run: merkle/root-mismatch, their states: receipt/wrong-state', async () => {
    const theirs = await forged({ ...next, provider: alice, ...(await honest(next.work)) })
    const whole = await prove(theirs, reference(), { count: 6000 })
    const openings = proof.openings.map(({ leaf }) => whole.openings[leaf.index])
    expect(await outcomeOf({ ...proof, openings })).toBe('merkle/root-mismatch')
    const challenges = proof.challenges.map(({ leaf }) => whole.challenges[leaf])
    expect(await outcomeOf({ ...proof, challenges })).toBe('receipt/wrong-state')
    const samples = proof.challenges.map((one) => ({ ...one, batches: whole.challenges[one.leaf].batches }))
    expect(await outcomeOf({ ...proof, challenges: samples })).toBe('data/wrong-sample')
  })
})
