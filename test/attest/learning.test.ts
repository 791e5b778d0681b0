import { beforeAll, describe, expect, test } from 'vitest'
import { largestChanges, leavesIn, replay, sample } from '../../src/audit/index.js'
import { prove, verdictOf, verify, type Proof } from '../../src/attest/learning.js'
import * as Proofs from '../../src/attest/proof.js'
import * as Bundle from '../../src/receipt/bundle.js'
import { jobFor } from '../../src/receipt/provide.js'
import { fromRandom } from '../../src/receipt/signer.js'
import { verify as verifyVerdict } from '../../src/receipt/verdict.js'
import { ortNode } from '../../src/runtime/ort-node.js'
import { ortWeb } from '../../src/runtime/ort-web.js'
import { reference } from '../../src/runtime/reference.js'
import { nonceFor, ordered, trained } from './training.js'

const verifier = fromRandom()
const trust = { verifier: verifier.address }
const again = async (bundle: Bundle.Bundle) =>
  Bundle.verify(await Bundle.decode(Bundle.readerOf(Bundle.encode(bundle))))

describe.each([1, 4])('a run that commits every %i steps', (commitEvery) => {
  let bundle: Bundle.Bundle
  beforeAll(async () => {
    bundle = await trained({ commitEvery, steps: 23 })
  })

  test('verifies as a bundle after it was written and read, and is valid when it is run again', async () => {
    const read = await again(bundle)
    for (const runtime of [reference(), ortNode(), ortWeb()])
      expect((await replay(read, runtime)).outcome).toBe('valid')
  })

  test('gives a proof of learning that any runtime finds right, and that says what it shows', async () => {
    const read = await again(bundle)
    const proof = await prove(read, reference(), { beacon: await nonceFor(read, verifier), count: 4, trust })
    const shipped = await Proofs.decode(Bundle.readerOf(Proofs.encode(proof)))
    for (const runtime of [reference(), ortNode(), ortWeb()]) {
      const finding = await verify(shipped, runtime, { trust, fraction: 0.1 })
      expect(finding).toMatchObject({ sampled: 4, total: Math.ceil(23 / commitEvery), steps: 23, selfIssued: true })
      expect(finding.detection.probability).toBeCloseTo(1 - 0.9 ** 4, 12)
      expect(finding.jump).toBe(4 / finding.total)
    }
    const signed = await verdictOf(await verify(shipped, reference(), { trust }), shipped, { signer: verifier })
    expect((await verifyVerdict(signed)).verdict).toMatchObject({ outcome: 'valid', grade: 'sampled', sampled: 4n })
  })

  test('is found right by an audit of a sample with the largest changes', async () => {
    const changes = await largestChanges(bundle, 1)
    const found = await sample(bundle, reference(), { leaves: [0, 3, ...leavesIn(changes)] })
    expect(found).toMatchObject({ outcome: 'valid', apart: undefined })
  })
})

describe('a proof of learning', () => {
  let bundle: Bundle.Bundle
  let proof: Proof
  beforeAll(async () => {
    bundle = await trained()
    proof = await prove(bundle, reference(), { beacon: await nonceFor(bundle, verifier), count: 5, trust })
  })
  const refused = (changed: Partial<Proof>) => verify({ ...proof, ...changed }, reference(), { trust })

  test('of a job that lists its inputs is refused by name', async () => {
    const { work } = await ordered()
    const { program, state } = work
    const listed = { ...bundle, course: undefined }
    await expect(prove(listed, reference(), { count: 1 })).rejects.toMatchObject({ code: 'attest/no-schedule' })
    expect((await jobFor({ program, state, inputs: [work.inputs.at(0)!] })).job.steps).toBe(1n)
  })

  test('convinces nobody by the nonce of another verifier', async () => {
    const other = { trust: { verifier: fromRandom().address } }
    await expect(verify(proof, reference(), other)).rejects.toMatchObject({ code: 'attest/beacon-not-later' })
  })

  test('without a beacon is refused unless so many leaves are opened that no number of tries helps', async () => {
    await expect(prove(bundle, reference(), { count: 10 })).rejects.toMatchObject({ code: 'attest/needs-beacon' })
    const whole = await prove(bundle, reference(), { count: 6000 })
    expect(await verify(whole, reference())).toMatchObject({ sampled: 24, total: 24, jump: 1 })
  })

  test('with other leaves than the beacon challenges is refused', async () => {
    const beacon = await nonceFor(bundle, verifier)
    await expect(refused({ beacon })).rejects.toMatchObject({ code: 'attest/wrong-challenge' })
    await expect(refused({ count: 4 })).rejects.toMatchObject({ code: 'attest/wrong-challenge' })
  })

  test('with a state that is not the one before its leaf is refused', async () => {
    const [first, ...rest] = proof.challenges
    const challenges = [{ ...first, state: bundle.finalState }, ...rest]
    await expect(refused({ challenges })).rejects.toMatchObject({ code: 'receipt/wrong-state' })
  })

  test('with samples of another step is refused', async () => {
    const [first, second, ...rest] = proof.challenges
    const challenges = [{ ...first, batches: second.batches }, second, ...rest]
    await expect(refused({ challenges })).rejects.toMatchObject({ code: 'data/wrong-sample' })
  })

  test('of a run from another start than the policy allows is refused', async () => {
    const start = { from: 'checkpoint', roots: [] } as const
    await expect(verify(proof, reference(), { trust, start })).rejects.toMatchObject({
      code: 'attest/start-not-allowed',
    })
    await expect(verify(proof, reference(), { trust, start: { from: 'seed' } })).resolves.toBeDefined()
  })

  test('with a flipped bit anywhere is refused by name', async () => {
    const files = Proofs.encode(proof)
    const accepted: string[] = []
    for (const [path, bytes] of files) {
      const stride = Math.max(1, Math.floor(bytes.length / 12))
      for (let at = 0; at < bytes.length; at += stride) {
        const flipped = bytes.slice()
        flipped[at] ^= 1 << (at % 8)
        const reader = Bundle.readerOf(new Map(files).set(path, flipped))
        const result = await Proofs.decode(reader)
          .then((one) => verify(one, reference(), { trust }))
          .catch((e: unknown) => e)
        if (!(result instanceof Error && 'code' in result)) accepted.push(`${path} byte ${at}`)
      }
    }
    expect(accepted).toEqual([])
  })
})

describe('a bundle in memory that says other things than its schedule fixes', () => {
  let bundle: Bundle.Bundle
  beforeAll(async () => {
    bundle = await trained()
  })

  test('is not verified with another start', () => {
    const other = { ...bundle, initialState: bundle.finalState }
    expect(() => Bundle.verifyContent(other)).toThrow(expect.objectContaining({ code: 'receipt/wrong-state' }))
  })

  test('is run again on the inputs that its schedule draws, not on its own', async () => {
    const other = { ...bundle, inputs: { length: 24, at: () => bundle.inputs.at(0) } }
    expect((await replay(other, reference())).outcome).toBe('valid')
    expect((await sample(other, reference(), { leaves: [3] })).outcome).toBe('valid')
  })
})
