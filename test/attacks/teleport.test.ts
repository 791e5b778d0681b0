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
})

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

  test('is not hidden by leaving out the states around it, where it looks like many small steps', async () => {
    const at = own.checkpoints.at.filter((leaf) => leaf <= 12 || leaf > JUMP + 12)
    const sparse = await received({ ...bundle, checkpoints: { ...bundle.checkpoints, at } })
    const [change] = await largestChanges(sparse, 1)
    const honestly = await largestChanges(own, LEAVES)
    expect(change.size / change.count).toBeLessThan(honestly[0].size)
    expect(leavesIn([change])).toContain(JUMP)
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
