import { describe, expect, test } from 'vitest'
import { OPS } from '../../src/exact/ops/index.js'
import { conformance, conformanceCases, rootOf } from '../../src/runtime/conformance.js'
import { CONFORMANCE_ROOTS } from '../../src/runtime/conformance.generated.js'
import { isolated } from '../../src/runtime/isolated.js'
import { ortNode } from '../../src/runtime/ort-node.js'
import { ortWeb } from '../../src/runtime/ort-web.js'
import { reference } from '../../src/runtime/reference.js'
import { Refusal } from '../../src/runtime/runtime.js'
import { Builder } from '../../src/exact/builder.js'
import { tensor } from '../../src/core/tensor.js'
import { record, commit } from '../../src/trace/trace.js'
import { toHex } from '../../src/core/bytes.js'
import { network } from '../trace/work.js'

describe('conformance table', () => {
  test('every exact op has a case', () => {
    const covered = new Set(conformanceCases().map((c) => c.op))
    expect(OPS.filter((op) => !covered.has(op.name)).map((op) => op.name)).toEqual([])
  })

  test('the pinned roots are those of the reference', async () => {
    const roots: string[] = []
    for (const item of conformanceCases()) roots.push(await rootOf(item, reference()))
    expect(roots).toEqual([...CONFORMANCE_ROOTS])
  })

  test.each([ortNode({ threads: 1 }), ortNode({ threads: 2 }), ortNode({ unsafeOptimization: 'all' }), ortWeb()])(
    'runtime %# gives every bit as defined',
    async (runtime) => {
      const results = await conformance(runtime)
      expect(results.filter((result) => !result.conforms)).toEqual([])
    },
    60_000,
  )
})

describe('a runtime in a process of its own', () => {
  test('gives the same commitments as in this process', async () => {
    const [inside, outside] = [
      await record(network({ carries: true }), ortNode()),
      await record(network({ carries: true }), isolated('ort-node')),
    ]
    expect(Object.values(commit(outside)).map(toHex)).toEqual(Object.values(commit(inside)).map(toHex))
  })

  test('refuses a run at the same fault point', async () => {
    const b = new Builder()
    const x = b.input('x', { dtype: 'int32', dims: [3] })
    const { program } = b.finish({ outputs: [['y', b.div(x, x)]] })
    const session = await isolated('ort-node').open(program, [])
    const refusal: unknown = await session.step([tensor('int32', [3], [4, 0, 1])]).catch((error: unknown) => error)
    await session.close()
    expect(refusal).toBeInstanceOf(Refusal)
    expect(refusal).toMatchObject({ element: 1, reason: 'zero-divisor' })
  })

  test('whose process is killed fails by name and harms nobody', async () => {
    const work = network()
    const session = await isolated('reference').open(work.program, work.state)
    await session.close()
    await expect(session.step(work.inputs.at(0)!)).rejects.toMatchObject({ code: 'runtime/failed' })
  })

  test('is ended by an abort signal', async () => {
    const work = network()
    const session = await isolated('reference').open(work.program, work.state)
    const controller = new AbortController()
    const step = session.step(work.inputs.at(0)!, { signal: controller.signal })
    controller.abort()
    await expect(step).rejects.toMatchObject({ code: 'core/aborted' })
  })
})
