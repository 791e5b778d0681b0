/** One false step to stolen weights in a run that is honest before it and behind it. */
import { beforeAll, describe, expect, test } from 'vitest'
import { challenged } from '../../src/attest/challenge.js'
import { largestChanges, leavesIn, replay, sample } from '../../src/audit/index.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import { reference } from '../../src/runtime/reference.js'
import { ordered } from '../attest/training.js'
import { alice, fill } from '../receipt/samples.js'
import { forged, honest } from './cheat.js'
import { jumping } from './reforged.js'
import { challengedAt, falseLeaves, hits, interval, nonceOf, outcomeOf, proofOf, received } from './verifier.js'
import { sourceOf, verified } from './verifier.js'

const [LEAVES, JUMP] = [60, 41]

let own: Bundle
let bundle: Bundle
beforeAll(async () => {
  const { job, work } = await ordered({ steps: LEAVES, job: { salt: fill(5) } })
  const theirs = await ordered({ steps: 40, job: { salt: fill(6) } })
  const victim = await honest(theirs.work)
  const stolen = victim.states[victim.states.length - 1]
  own = await forged({ job, work, provider: alice, ...(await honest(work)) })
  bundle = await forged({ job, work, provider: alice, ...(await jumping(work, { after: JUMP, to: stolen })) })
}, 60_000)

describe('teleport', () => {
  test('has exactly one false step', async () => {
    expect(await falseLeaves(bundle)).toEqual([JUMP])
    expect(await falseLeaves(own)).toEqual([])
  })

  test.each([1, 6, 30])('of 60 steps is met by draws of %i with k / N, measured over 4000 nonces', (count) => {
    const hit = hits(bundle, { bad: [JUMP], count, draws: 4000 })
    const [low, high] = interval(4000, count / LEAVES)
    expect(hit).toBeGreaterThanOrEqual(low)
    expect(hit).toBeLessThanOrEqual(high)
  })

  test('is refused as attest/false-step exactly where it is drawn, and what escapes is said: jump = k / N', async () => {
    const count = 20
    let met = 0
    for (let nonce = 0; nonce < 12; nonce++) {
      const drawn = challenged(sourceOf(bundle, nonceOf(nonce)), { count, total: LEAVES })
      const proof = await proofOf(bundle, { nonce, count })
      if (drawn.includes(JUMP)) {
        met++
        expect(await outcomeOf(proof)).toBe('attest/false-step')
      } else expect(await verified(proof)).toMatchObject({ jump: count / LEAVES })
    }
    expect(met).toBeGreaterThan(0)
    expect(met).toBeLessThan(12)
    expect(await challengedAt(bundle, JUMP)).toBe('attest/false-step')
  })

  test('is always refuted by a replay, and by an audit of the one largest change alone', async () => {
    expect((await replay(await received(bundle), reference())).outcome).toBe('refuted')
    const changes = await largestChanges(await received(bundle), 1)
    expect(leavesIn(changes)).toEqual([JUMP])
    const found = await sample(await received(bundle), reference(), { leaves: leavesIn(changes) })
    expect(found).toMatchObject({ outcome: 'refuted', apart: { leaf: JUMP, field: 'stateAfter' }, between: 0 })
  })

  const keeping = (of: Bundle, keep: (leaf: number) => boolean) =>
    received({ ...of, checkpoints: { ...of.checkpoints, at: of.checkpoints.at.filter(keep) } })

  test('is not hidden by leaving out the states around it, where it looks like many small steps', async () => {
    const sparse = await keeping(bundle, (leaf) => leaf <= 12 || leaf > JUMP + 12)
    const [change] = await largestChanges(sparse, 1)
    const honestly = await largestChanges(own, 1)
    expect(change.size / Math.sqrt(change.count)).toBeLessThan(honestly[0].size) // by leaves it would be an honest one
    expect(leavesIn([change])).toContain(JUMP)
    const found = await sample(sparse, reference(), { leaves: leavesIn([change]) })
    expect(found).toMatchObject({ outcome: 'refuted', apart: { leaf: JUMP } })
  })

  test('is not hidden by leaving out states elsewhere, where honest steps add up to a longer way', async () => {
    const { job, work } = await ordered({ steps: LEAVES, job: { salt: fill(5) } })
    const to = (await honest(work)).states[JUMP - 12] // nearer than the weights at the start are
    const short = await forged({ job, work, provider: alice, ...(await jumping(work, { after: JUMP, to })) })
    const sparse = await keeping(short, (leaf) => leaf === JUMP || leaf === JUMP + 1)
    const [change, other] = await largestChanges(sparse, 2)
    expect(other.size * Math.sqrt(other.count)).toBeGreaterThan(change.size) // by distance alone it would come behind
    expect(leavesIn([change])).toEqual([JUMP])
    const found = await sample(sparse, reference(), { leaves: leavesIn([change]) })
    expect(found).toMatchObject({ outcome: 'refuted', apart: { leaf: JUMP } })
  })

  test('an honest run of the same job passes all of it', async () => {
    const arrived = await received(own)
    expect((await replay(arrived, reference())).outcome).toBe('valid')
    const leaves = leavesIn(await largestChanges(arrived, 3))
    expect((await sample(arrived, reference(), { leaves })).outcome).toBe('valid')
    for (let nonce = 0; nonce < 4; nonce++)
      expect(await outcomeOf(await proofOf(own, { nonce, count: 20 }))).toBe('valid')
  })
})
