import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/core/bytes.js'
import { Fault } from '../../src/core/faults.js'
import { tensor } from '../../src/core/tensor.js'
import { Builder } from '../../src/exact/builder.js'
import { ortNode } from '../../src/runtime/ort-node.js'
import { ortWeb } from '../../src/runtime/ort-web.js'
import { reference } from '../../src/runtime/reference.js'
import { open, verify } from '../../src/trace/open.js'
import { commit, record, type Trace } from '../../src/trace/trace.js'
import { input, network } from './work.js'

const RUNTIMES = [reference(), ortNode(), ortWeb()]
const roots = (trace: Trace) => Object.values(commit(trace)).map(toHex).join()
const training = () => ({ ...network({ carries: true }), inputs: [1, 2, 3, 4, 5].map((seed) => [input(seed)]) })

describe('traces', () => {
  test('all runtimes give the same commitments, with and without an operator trace', async () => {
    for (const operatorTrace of [false, true]) {
      const traces = []
      for (const runtime of RUNTIMES) traces.push(await record(network(), runtime, { operatorTrace }))
      expect(new Set(traces.map(roots)).size).toBe(1)
    }
  })

  test('carried parameters change from step to step, the same way on every runtime', async () => {
    const traces = []
    for (const runtime of RUNTIMES)
      traces.push(await record(training(), runtime, { operatorTrace: true, commitEvery: 2 }))
    expect(new Set(traces.map(roots)).size).toBe(1)
    expect(new Set(traces[0].leaves.map((leaf) => toHex(leaf.stateAfter))).size).toBe(3)
  })

  test('values without an operator trace are zero, and opening them is refused', async () => {
    const trace = await record(network(), reference())
    expect(trace.steps[0].values.every((byte) => byte === 0)).toBe(true)
    expect(() => open(trace, { step: 0, value: 3, element: 0 })).toThrow(
      expect.objectContaining({ code: 'trace/not-recorded' }),
    )
  })

  test.each([1, 2, 3])('every value of a run opens to its element where %i steps share a leaf', async (commitEvery) => {
    const trace = await record(training(), reference(), { operatorTrace: true, commitEvery })
    const { run } = commit(trace)
    for (const step of [0, 2, 4]) {
      trace.program.values.forEach((type, value) => {
        const place = { step, value, element: 0 }
        const shape = { steps: 5, commitEvery, values: trace.program.values.length, type }
        expect(verify(run, shape, { place, opening: open(trace, place) })).toBe(trace.values![step][value].data[0])
      })
    }
  })

  test('an opening of one step, value or element does not verify as another', async () => {
    const trace = await record(training(), reference(), { operatorTrace: true })
    const { run } = commit(trace)
    const value = trace.program.values.length - 1
    const shape = { steps: 5, commitEvery: 1, values: trace.program.values.length, type: trace.program.values[value] }
    const place = { step: 2, value, element: 1 }
    const opening = open(trace, place)
    for (const other of [
      { ...place, step: 3 },
      { ...place, value: value - 1 },
    ])
      expect(() => verify(run, shape, { place: other, opening })).toThrow(Fault)
    expect(() => verify(run, { ...shape, steps: 6 }, { place, opening })).toThrow(Fault)
    expect(() => verify(run, { ...shape, values: shape.values + 1 }, { place, opening })).toThrow(Fault)
    const bytes = opening.tile.bytes.slice()
    bytes[4] ^= 1
    expect(() => verify(run, shape, { place, opening: { ...opening, tile: { ...opening.tile, bytes } } })).toThrow(
      expect.objectContaining({ code: 'merkle/root-mismatch' }),
    )
  })

  test('a run that meets a fault point is refused at the same place on every runtime, and recorded', async () => {
    const b = new Builder()
    const x = b.input('x', { dtype: 'float32', dims: [2, 3] })
    const { program } = b.finish({ outputs: [['y', b.reduce('ReduceMax', b.div(x, x), [1])]] })
    const inputs = [[tensor('float32', [2, 3], [1, 2, 3, 4, 0, 0])]]
    const refusals = []
    for (const runtime of RUNTIMES) {
      const trace = await record({ program, state: [], inputs }, runtime)
      expect(trace.outputs).toEqual([])
      refusals.push([trace.refusal, roots(trace)])
    }
    expect(refusals[0][0]).toMatchObject({ step: 0, element: 4, reason: 'nan' })
    expect(new Set(refusals.map((r) => JSON.stringify(r))).size).toBe(1)
  })

  test('a NaN that disappears again is no refusal, and infinities may flow', async () => {
    const b = new Builder()
    const x = b.input('x', { dtype: 'float32', dims: [3] })
    const zero = b.scalar('float32', 0)
    const safe = b.where(b.isNaN(b.div(x, x)), zero, b.div(x, zero))
    const { program } = b.finish({ outputs: [['y', safe]] })
    for (const runtime of RUNTIMES) {
      const trace = await record({ program, state: [], inputs: [[tensor('float32', [3], [0, 1, -1])]] }, runtime, {
        operatorTrace: true,
      })
      expect([...(trace.outputs[0].data as Float32Array)]).toEqual([0, Infinity, -Infinity])
    }
  })

  test('an abort signal stops a run by name', async () => {
    const controller = new AbortController()
    controller.abort()
    await expect(record(network(), reference(), { signal: controller.signal })).rejects.toMatchObject({
      code: 'core/aborted',
    })
  })
})
