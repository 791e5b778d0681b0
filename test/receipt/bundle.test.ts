import { beforeAll, describe, expect, test } from 'vitest'
import { Fault } from '../../src/core/faults.js'
import * as Bundle from '../../src/receipt/bundle.js'
import { jobFor, provide } from '../../src/receipt/provide.js'
import { fromRandom } from '../../src/receipt/signer.js'
import { reference } from '../../src/runtime/reference.js'
import { network } from '../trace/work.js'

const model = new TextEncoder().encode('the bytes of a model file')

async function bundle(operatorTrace: boolean): Promise<Bundle.Bundle> {
  const work = network()
  const sealed = await provide(work, {
    job: await jobFor(work, { operatorTrace }),
    runtime: reference(),
    signer: fromRandom(),
    model,
  })
  return sealed.reveal()
}

const check = async (files: Bundle.BundleFiles) => Bundle.verify(await Bundle.decode(Bundle.readerOf(files)))

describe('bundles', () => {
  let files: Map<string, Uint8Array>
  beforeAll(async () => {
    files = Bundle.encode(await bundle(true))
  })

  test('a bundle verifies after it was written and read, with and without operator values', async () => {
    await expect(check(files)).resolves.toBeDefined()
    await expect(check(Bundle.encode(await bundle(false)))).resolves.toBeDefined()
  })

  test('the receipt of a bundle is under 2 KB', () => {
    expect(files.get('receipt.json')!.length).toBeLessThan(2048)
  })

  test('a flipped bit in any file is refused by name', async () => {
    const accepted: string[] = []
    for (const [path, bytes] of files) {
      const stride = Math.max(1, Math.floor(bytes.length / 48))
      for (let at = 0; at < bytes.length; at += stride) {
        const flipped = bytes.slice()
        flipped[at] ^= 1 << (at % 8)
        const result = await check(new Map(files).set(path, flipped)).catch((error: unknown) => error)
        if (!Fault.is(result)) accepted.push(`${path} byte ${at}: ${String(result)}`)
      }
    }
    expect(accepted).toEqual([])
  })

  test.each([
    ['receipt.json', 'bundle/missing-file'],
    ['program.bin', 'bundle/missing-file'],
    ['manifest.json', 'bundle/missing-file'],
    ['steps.bin', 'bundle/missing-file'],
    ['values.bin', 'bundle/missing-file'],
  ])('without %s it is refused', async (path, code) => {
    const fewer = new Map(files)
    fewer.delete(path)
    await expect(check(fewer)).rejects.toMatchObject({ code })
  })

  test.each([
    ['a file that does not belong', 'notes.txt', 'bundle/unexpected-file'],
    ['an object that nothing names', `objects/${'0'.repeat(64)}`, 'bundle/unexpected-file'],
    ['a path upwards', '../x', 'bundle/unexpected-file'],
  ])('%s is refused', async (_what, path, code) => {
    await expect(check(new Map(files).set(path, new Uint8Array(1)))).rejects.toMatchObject({ code })
  })

  test('another model file is refused by its hash', async () => {
    await expect(check(new Map(files).set('model.onnx', new Uint8Array(3)))).rejects.toMatchObject({
      code: 'receipt/wrong-model',
    })
  })

  test('each part of another run is refused by its own name', async () => {
    const mine = await bundle(true)
    const work = network({ seed: 50 })
    const other = await (
      await provide(work, {
        job: await jobFor(work, { operatorTrace: true }),
        runtime: reference(),
        signer: fromRandom(),
      })
    ).reveal()
    const swapped = (parts: Partial<Bundle.Bundle>) =>
      Promise.resolve().then(() => Bundle.verifyContent({ ...mine, ...parts }))
    await expect(swapped({ initialState: other.initialState })).rejects.toMatchObject({ code: 'receipt/wrong-state' })
    await expect(swapped({ finalState: other.finalState })).rejects.toMatchObject({ code: 'receipt/wrong-state' })
    await expect(swapped({ inputs: other.inputs })).rejects.toMatchObject({ code: 'receipt/wrong-inputs' })
    await expect(swapped({ outputs: other.outputs })).rejects.toMatchObject({ code: 'receipt/wrong-outputs' })
    await expect(swapped({ leaves: other.leaves, steps: other.steps })).rejects.toMatchObject({
      code: 'receipt/wrong-run',
    })
    await expect(swapped({ values: other.values })).rejects.toMatchObject({ code: 'receipt/wrong-values' })
    await expect(swapped({ digests: other.digests })).rejects.toMatchObject({ code: 'receipt/wrong-values' })
    await expect(swapped({ seal: other.seal })).rejects.toMatchObject({ code: 'receipt/wrong-seal' })
    await expect(swapped({ program: network({ carries: true }).program })).rejects.toMatchObject({
      code: 'receipt/wrong-program',
    })
  })

  test('a provider refuses a job that asks for other work', async () => {
    const job = await jobFor(network())
    await expect(
      provide(network({ seed: 9 }), { job, runtime: reference(), signer: fromRandom() }),
    ).rejects.toMatchObject({ code: 'receipt/wrong-state' })
  })
})
