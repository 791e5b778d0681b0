/**
 * Every bit of every file of a whole bundle, flipped one at a time.
 */
import { describe, expect, test } from 'vitest'
import { Fault } from '../../src/core/faults.js'
import { tensor } from '../../src/core/tensor.js'
import { Builder } from '../../src/exact/builder.js'
import * as Bundle from '../../src/receipt/bundle.js'
import { jobFor, provide } from '../../src/receipt/provide.js'
import { fromRandom } from '../../src/receipt/signer.js'
import { reference } from '../../src/runtime/reference.js'

/** A program with every kind of value: parameter, input, constant, node. */
async function smallest(): Promise<Bundle.Bundle> {
  const b = new Builder()
  const initial = tensor('float32', [2, 2], [1, -2, 3, 0.5])
  const w = b.parameter('w', initial)
  const x = b.input('x', { dtype: 'float32', dims: [1, 2] })
  const y = b.relu(b.add(b.matmul(x, w), b.constant(tensor('float32', [2], [0.25, 0.75]))))
  const { program } = b.finish({ outputs: [['y', y]] })
  const work = { program, state: [initial], inputs: [[tensor('float32', [1, 2], [0.5, 2])]] }
  const job = await jobFor(work, { operatorTrace: true, requester: fromRandom() })
  const model = new TextEncoder().encode('a model file')
  return (await provide(work, { job, runtime: reference(), signer: fromRandom(), model })).reveal()
}

describe('a whole bundle', () => {
  test('a flipped bit anywhere is refused by name: 100 %', async () => {
    const files = Bundle.encode(await smallest())
    const accepted: string[] = []
    let flips = 0
    for (const [path, bytes] of files)
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = bytes.slice()
        flipped[bit >> 3] ^= 1 << (bit & 7)
        flips++
        const check = async () => Bundle.verify(await Bundle.decode(Bundle.readerOf(new Map(files).set(path, flipped))))
        const result = await check().catch((error: unknown) => error)
        if (!Fault.is(result)) accepted.push(`${path} bit ${bit}: ${String(result)}`)
      }
    expect(accepted).toEqual([])
    expect(flips).toBeGreaterThan(30_000)
  }, 1_200_000)
})
