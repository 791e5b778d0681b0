import { afterEach, expect, test, vi } from 'vitest'
import { withCurve, withThreads } from '../../src/zk/curve.js'

interface Threads {
  readonly tm: { readonly workers: readonly { postMessage(task: unknown): void }[] }
}
const threads = () => (globalThis as unknown as { curve_bn128: Threads | null }).curve_bn128

afterEach(() => {
  vi.doUnmock('snarkjs')
  vi.resetModules()
})

test('the threads of the curve start once for work inside of work, and end with the last of it', async () => {
  await withThreads(async () => {
    const before = threads()
    await Promise.all([withCurve(async () => {}), withCurve(async () => {})])
    expect(threads()).toBe(before)
  })
  await Promise.resolve()
  expect(threads() ?? null).toBeNull()
})

test('threads that will not answer are a fault, and others start after them', async () => {
  const stuck = withCurve(
    () => {
      threads()!.tm.workers[0].postMessage([
        { cmd: 'ALLOC', var: 0, len: 1 },
        { cmd: 'CALL', fnName: 'none', params: [] },
      ])
      return new Promise(() => {})
    },
    { limit: 500 },
  )
  await expect(stuck).rejects.toThrow('not done after 500 ms (zk/prover-failed)')
  const names = await withCurve(async ({ curves }) => Object.keys(await curves.getCurveFromName('bn128')))
  expect(names).toContain('G1')
})

test('what work with the threads throws comes as it is, and they end', async () => {
  const bug = new TypeError('of the caller')
  await expect(withThreads(() => Promise.reject(bug))).rejects.toBe(bug)
  expect(threads() ?? null).toBeNull()
})

test('what snarkjs throws is a fault with its words', async () => {
  await expect(withCurve(async ({ zKey }) => zKey.exportVerificationKey(new Uint8Array(3)))).rejects.toThrow(
    'zk/prover-failed',
  )
})

test('without the package everything but verifying is refused by name', async () => {
  vi.resetModules()
  vi.doMock('snarkjs', () => {
    throw new Error('Cannot find package')
  })
  const { withCurve: without } = await import('../../src/zk/curve.js')
  const { unsafePowers } = await import('../../src/zk/powers.js')
  await expect(without(async () => {})).rejects.toThrow(
    'the package snarkjs is needed to set up and to prove (zk/no-prover)',
  )
  await expect(unsafePowers(3)).rejects.toThrow('zk/no-prover')
})
