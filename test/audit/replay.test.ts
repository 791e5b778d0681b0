import { describe, expect, test } from 'vitest'
import { replay, verdictOf } from '../../src/audit/replay.js'
import { explain, firstDifference, viewOf } from '../../src/dispute/difference.js'
import type { Bundle } from '../../src/receipt/bundle.js'
import { jobFor, metadataOf, provide, seal } from '../../src/receipt/provide.js'
import { fromRandom } from '../../src/receipt/signer.js'
import { verify as verifyVerdict } from '../../src/receipt/verdict.js'
import { ortNode } from '../../src/runtime/ort-node.js'
import { ortWeb } from '../../src/runtime/ort-web.js'
import { reference } from '../../src/runtime/reference.js'
import { record } from '../../src/trace/trace.js'
import { network, tampered } from '../trace/work.js'

/** A provider that runs another weight than the job names and signs the result as if it had not. */
async function cheat(operatorTrace: boolean): Promise<Bundle> {
  const work = network()
  const job = await jobFor(work, { operatorTrace })
  const lie = await record(tampered(work), reference(), { operatorTrace })
  const { stateBefore } = (await record(work, reference())).leaves[0]
  const values = lie.values && [[...work.state, ...lie.values[0].slice(work.state.length)]]
  const { rootOfTensors } = await import('../../src/trace/digests.js')
  const step = {
    ...lie.leaves[0],
    stateBefore,
    stateAfter: stateBefore,
    values: values ? rootOfTensors('values', values[0]) : lie.leaves[0].values,
  }
  const trace = { ...lie, initialState: work.state, finalState: work.state, values, leaves: [step], steps: [step] }
  return (await seal(trace, { job, signer: fromRandom(), metadata: await metadataOf(reference()) })).reveal()
}

describe('replay', () => {
  test.each([reference(), ortNode(), ortWeb()])('an honest bundle is valid on $name', async (runtime) => {
    const work = network()
    const bundle = await (
      await provide(work, { job: await jobFor(work), runtime: reference(), signer: fromRandom() })
    ).reveal()
    expect((await replay(bundle, runtime)).outcome).toBe('valid')
  })

  test('one changed weight is refuted, and the first difference is the operator that used it', async () => {
    const bundle = await cheat(true)
    const found = await replay(bundle, ortNode())
    expect(found.outcome).toBe('refuted')
    const difference = firstDifference(viewOf(found.trace), bundle)!
    expect(difference).toMatchObject({ step: 0, field: 'values', operator: 'MatMul', decided: true })
    expect(difference.at!.expected).not.toBe(difference.at!.found)
    expect(explain(difference)).toContain('MatMul')
  })

  test('without operator values the difference is named at the output', async () => {
    const bundle = await cheat(false)
    const found = await replay(bundle, ortNode())
    expect(firstDifference(viewOf(found.trace), bundle)).toMatchObject({ field: 'outputs', name: 'y', decided: false })
  })

  test('a verdict is signed by its auditor and says what was sampled', async () => {
    const bundle = await cheat(true)
    const signer = fromRandom()
    const signed = await verdictOf(bundle, await replay(bundle, reference()), { signer })
    expect((await verifyVerdict(signed)).verdict).toMatchObject({
      outcome: 'refuted',
      grade: 'replayed',
      sampled: 1n,
      total: 1n,
    })
  })

  test('runs that agree have no difference', async () => {
    const trace = await record(network(), reference(), { operatorTrace: true })
    expect(
      firstDifference(viewOf(trace), viewOf(await record(network(), ortNode(), { operatorTrace: true }))),
    ).toBeUndefined()
  })
})
