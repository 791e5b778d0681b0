import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '../../src/core/bytes.js'
import { Fault } from '../../src/core/faults.js'
import { runStore } from '../../src/disk/index.js'
import * as Bundle from '../../src/receipt/bundle.js'
import { reference } from '../../src/runtime/reference.js'
import { record, resultsOf, type Trace, type Work } from '../../src/trace/trace.js'
import { ordered } from '../attest/training.js'

const STEPS = 17
const root = mkdtempSync(join(tmpdir(), 'runs-'))
afterAll(() => rmSync(root, { recursive: true }))
let folders = 0
const fresh = () => join(root, `${folders++}`)
const claimOf = (trace: Trace) => Object.values(resultsOf(trace)).map(toHex).join()

/** Runs until so many steps are done, and is cancelled then. */
async function cutOff(work: Work, folder: string, { after, commitEvery }: { after: number; commitEvery: number }) {
  const controller = new AbortController()
  const onProgress = (done: number) => done >= after && controller.abort()
  const store = runStore(folder, { keepEvery: 3 })
  const run = record(work, reference(), { commitEvery, store, signal: controller.signal, onProgress })
  await expect(run).rejects.toMatchObject({ code: 'core/aborted' })
}

describe.each([1, 4])('a run that keeps a leaf every %i steps', (commitEvery) => {
  let work: Work
  let unbroken: string
  beforeAll(async () => {
    work = (await ordered({ steps: STEPS, commitEvery })).work
    unbroken = claimOf(await record(work, reference(), { commitEvery }))
  })
  const resumed = async (folder: string) => {
    const done: number[] = []
    const onProgress = (at: number) => void done.push(at)
    const store = runStore(folder, { keepEvery: 3 })
    const trace = await record(work, reference(), { commitEvery, store, onProgress })
    return { claim: claimOf(trace), ran: done.length }
  }

  test('ends in the same claim wherever it is cancelled, and runs no kept step again', async () => {
    for (let after = 1; after < STEPS; after += 3) {
      const folder = fresh()
      await cutOff(work, folder, { after, commitEvery })
      const { claim, ran } = await resumed(folder)
      expect(claim).toBe(unbroken)
      expect(ran).toBe(STEPS - Math.floor(after / commitEvery) * commitEvery)
    }
  })

  test('ends in the same claim whatever a crash cut off the files', async () => {
    for (let round = 0; round < 12; round++) {
      const folder = fresh()
      await cutOff(work, folder, { after: 9, commitEvery })
      const states = join(folder, 'checkpoints')
      const files = [
        ...readdirSync(states).map((name) => join(states, name)),
        ...['steps.bin', 'inner.bin'].map((name) => join(folder, name)),
      ]
      const victim = files[round % files.length]
      truncateSync(victim, Math.floor((statSync(victim).size * ((round * 37) % 100)) / 100))
      writeFileSync(join(states, '9.partial'), 'torn')
      expect((await resumed(folder)).claim).toBe(unbroken)
    }
  })

  test('that is over already is read back, outputs and all', async () => {
    const folder = fresh()
    await resumed(folder)
    expect(await resumed(folder)).toEqual({ claim: unbroken, ran: 0 })
  })

  test('keeps the states that its rule names and the latest one, and a bundle takes the former', async () => {
    const folder = fresh()
    await resumed(folder)
    const leaves = Math.ceil(STEPS / commitEvery)
    const kept = Array.from({ length: leaves }, (_, i) => i + 1).filter((at) => at % 3 === 0 || at === leaves)
    expect(readdirSync(join(folder, 'checkpoints')).sort()).toEqual(kept.map((at) => `${at}.bin`).sort())
    const inside = [...(await runStore(folder, { keepEvery: 3 }).checkpoints(leaves)).keys()]
    expect(inside.sort()).toEqual(
      kept
        .filter((at) => at < leaves)
        .map(Bundle.checkpointPath)
        .sort(),
    )
  })
})

test('a folder of another run is refused by name', async () => {
  const folder = fresh()
  const [one, other] = [await ordered({ steps: STEPS }), await ordered({ steps: STEPS })]
  await cutOff(one.work, folder, { after: 5, commitEvery: 1 })
  const run = record(other.work, reference(), { store: runStore(folder) })
  await expect(run).rejects.toMatchObject({ code: 'trace/bad-step' })
})

test('a rule that keeps no whole number of leaves is refused', () => {
  for (const keepEvery of [0, -1, 1.5, NaN]) expect(() => runStore(fresh(), { keepEvery })).toThrow(Fault)
  expect(existsSync(join(root, `${folders - 1}`))).toBe(false)
})

test('a store that cannot write stops the run', async () => {
  const { work } = await ordered({ steps: STEPS })
  const store = { load: () => Promise.resolve(undefined), commit: () => Promise.reject(new Error('the disk is full')) }
  await expect(record(work, reference(), { store })).rejects.toThrow('the disk is full')
})
