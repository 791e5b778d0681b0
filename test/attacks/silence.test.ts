/** What is asked for and not given. */
import { beforeAll, describe, expect, test } from 'vitest'
import { replay, sample } from '../../src/audit/index.js'
import type { Proof } from '../../src/attest/learning.js'
import * as Proofs from '../../src/attest/proof.js'
import { toHex } from '../../src/core/bytes.js'
import { check } from '../../src/core/check.js'
import { sha256 } from '../../src/core/sha256.js'
import { bytesOf } from '../../src/core/tensor.js'
import * as Bundle from '../../src/receipt/bundle.js'
import { reference } from '../../src/runtime/reference.js'
import { ordered } from '../attest/training.js'
import { alice, fill } from '../receipt/samples.js'
import { forged, honest } from './cheat.js'
import { jumping } from './reforged.js'
import { outcomeOf, proofOf, received } from './verifier.js'

const [STEPS, JUMP, COUNT] = [12, 7, 5]

let own: Bundle.Bundle
let lying: Bundle.Bundle
let proof: Proof
beforeAll(async () => {
  const { job, work } = await ordered({ steps: STEPS, job: { salt: fill(5) } })
  own = await forged({ job, work, provider: alice, ...(await honest(work)) })
  lying = await forged({ job, work, provider: alice, ...(await jumping(work, { after: JUMP, to: work.state })) })
  proof = await proofOf(own, { count: COUNT })
}, 60_000)

/** The fault of reading these files, or that they are accepted. */
async function fateOf(
  files: ReadonlyMap<string, Uint8Array>,
  decode: (reader: Bundle.BundleReader) => Promise<unknown>,
) {
  const checked = await check(() => decode(Bundle.readerOf(files)))
  return checked.ok ? 'valid' : checked.fault.code
}

const without = (files: ReadonlyMap<string, Uint8Array>, path: string) =>
  new Map([...files].filter(([name]) => name !== path))

describe('an unanswered challenge', () => {
  test('counts as refuted: a proof without one of the challenged leaves is attest/wrong-challenge', async () => {
    expect(await outcomeOf(proof)).toBe('valid')
    for (const i of proof.challenges.keys()) {
      const challenges = proof.challenges.filter((_, at) => at !== i)
      expect(await outcomeOf({ ...proof, challenges })).toBe('attest/wrong-challenge')
    }
    expect(await outcomeOf({ ...proof, challenges: [] })).toBe('attest/wrong-challenge')
  })

  test('by another leaf, by one leaf twice, or in another order is attest/wrong-challenge', async () => {
    const whole = await proofOf(own, { count: STEPS })
    const asked = proof.challenges.map(({ leaf }) => leaf)
    const other = whole.challenges.find(({ leaf }) => !asked.includes(leaf))!
    const [first, second, ...rest] = proof.challenges
    for (const challenges of [
      [other, second, ...rest].sort((a, b) => a.leaf - b.leaf),
      [first, first, ...rest],
      [second, first, ...rest],
      [...proof.challenges, other].sort((a, b) => a.leaf - b.leaf),
    ])
      expect(await outcomeOf({ ...proof, challenges })).toBe('attest/wrong-challenge')
  })

  test('without the first, the last or any other leaf that has to be shown is attest/wrong-challenge', async () => {
    for (const i of proof.openings.keys()) {
      const openings = proof.openings.filter((_, at) => at !== i)
      expect(await outcomeOf({ ...proof, openings })).toBe('attest/wrong-challenge')
    }
  })

  test('with fewer leaves, as if fewer had been asked for: attest/wrong-challenge where so many are demanded', async () => {
    const fewer = await proofOf(own, { count: COUNT - 1 })
    expect(await outcomeOf(fewer, { least: COUNT })).toBe('attest/wrong-challenge')
    expect(await outcomeOf({ ...fewer, count: COUNT }, { least: COUNT })).toBe('attest/wrong-challenge')
    expect(await outcomeOf(proof, { least: COUNT })).toBe('valid')
  })

  test('without samples, or with one too few: data/wrong-sample', async () => {
    const [first, ...rest] = proof.challenges
    for (const batches of [[], [[]], [first.batches[0].slice(1)]])
      expect(await outcomeOf({ ...proof, challenges: [{ ...first, batches }, ...rest] })).toBe('data/wrong-sample')
  })

  test('a cheat that leaves out the leaf that would convict it is refused, one that shows it too', async () => {
    const all = await proofOf(lying, { count: STEPS })
    expect(await outcomeOf(all)).toBe('attest/false-step')
    const hiding = { ...all, challenges: all.challenges.filter(({ leaf }) => leaf !== JUMP) }
    expect(await outcomeOf(hiding)).toBe('attest/wrong-challenge')
    const shorter = { ...hiding, openings: all.openings.filter(({ leaf }) => leaf.index !== JUMP) }
    expect(await outcomeOf({ ...shorter, count: STEPS - 1 })).toBe('attest/wrong-challenge')
  })
})

describe('files of a proof that are not sent', () => {
  test('each is missed by name: bundle/missing-file', async () => {
    const files = Proofs.encode(proof)
    expect(await fateOf(files, Proofs.decode)).toBe('valid')
    for (const path of files.keys())
      expect(await fateOf(without(files, path), Proofs.decode), path).toBe('bundle/missing-file')
  })
})

describe('states that a bundle does not hold', () => {
  const sparse = (of: Bundle.Bundle, keep: (leaf: number) => boolean) =>
    received({ ...of, checkpoints: { ...of.checkpoints, at: of.checkpoints.at.filter(keep) } })

  test.each([
    ['none at all', () => false],
    ['the ones around the false step', (leaf: number) => Math.abs(leaf - JUMP) > 2],
  ])('%s: the audit computes them again, and decides all the same', async (_name, keep) => {
    const [right, wrong] = [await sparse(own, keep), await sparse(lying, keep)]
    const found = await sample(right, reference(), { leaves: [JUMP] })
    expect(found.outcome).toBe('valid')
    expect(found.between).toBeGreaterThan(0)
    expect(await sample(wrong, reference(), { leaves: [JUMP] })).toMatchObject({
      outcome: 'refuted',
      apart: { leaf: JUMP },
    })
    expect((await replay(wrong, reference())).outcome).toBe('refuted')
    expect((await replay(right, reference())).outcome).toBe('valid')
  })

  test('a leaf behind the false step that cannot be reached but over it is refuted too', async () => {
    const wrong = await sparse(lying, () => false)
    expect(await sample(wrong, reference(), { leaves: [STEPS - 1] })).toMatchObject({
      outcome: 'refuted',
      apart: { leaf: JUMP },
    })
    expect((await sample(await received(lying), reference(), { leaves: [STEPS - 1] })).outcome).toBe('valid') // with the states: one leaf is one leaf
  })

  test('a state that is not the one of the run: receipt/wrong-state', async () => {
    const { checkpoints } = own
    const wrong = await received({ ...own, checkpoints: { at: [JUMP], read: () => checkpoints.read(JUMP - 1) } })
    await expect(sample(wrong, reference(), { leaves: [JUMP] })).rejects.toMatchObject({ code: 'receipt/wrong-state' })
  })
})

describe('files of a bundle that are not sent', () => {
  test('the data set withheld: bundle/missing-file', async () => {
    const files = Bundle.encode(own)
    expect(await fateOf(files, Bundle.decode)).toBe('valid')
    for (const column of own.course!.dataset.columns)
      expect(await fateOf(without(files, `objects/${toHex(sha256(bytesOf(column)))}`), Bundle.decode)).toBe(
        'bundle/missing-file',
      )
  })

  test('each other one: bundle/missing-file, but for the seal, without which a receipt says the same', async () => {
    const files = Bundle.encode(own)
    const fates = new Map<string, string>()
    for (const path of files.keys()) fates.set(path, await fateOf(without(files, path), Bundle.decode))
    const optional = [...fates].filter(([, fate]) => fate === 'valid').map(([path]) => path)
    expect(optional).toEqual(['seal.json'])
    expect(fates.get('schedule.bin')).not.toBe('valid')
    fates.delete('seal.json')
    fates.delete('schedule.bin')
    expect(new Set(fates.values())).toEqual(new Set(['bundle/missing-file']))
  })

  test('the schedule withheld, as if the job listed its inputs: bundle/wrong-size', async () =>
    expect(await fateOf(without(Bundle.encode(own), 'schedule.bin'), Bundle.decode)).toBe('bundle/wrong-size'))
})
