import { tensor, type Tensor } from '../../src/core/tensor.js'
import { Builder } from '../../src/exact/builder.js'
import type { Work } from '../../src/trace/trace.js'

/** Numbers in [-1, 1) from a linear congruential generator. */
export function numbers(count: number, seed: number): number[] {
  let state = seed >>> 0
  return Array.from({ length: count }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1)
}

/** A two-layer network on one input row. */
export function network({ seed = 1, carries = false } = {}): Work {
  const b = new Builder()
  const initial = (dims: number[], s: number) =>
    tensor(
      'float32',
      dims,
      numbers(
        dims.reduce((a, d) => a * d, 1),
        s,
      ),
    )
  const w1 = b.parameter('w1', initial([40, 33], seed))
  const b1 = b.parameter('b1', initial([33], seed + 1))
  const w2 = b.parameter('w2', initial([33, 4], seed + 2))
  const x = b.input('x', { dtype: 'float32', dims: [1, 40] })
  const hidden = b.relu(b.add(b.matmul(x, w1), b1))
  const y = b.matmul(hidden, w2)
  const update = b.sub(b1, b.mul(b.reshape(hidden, [33]), b.scalar('float32', 0.125)))
  const { program, state } = b.finish({ outputs: [['y', y]], carries: carries ? [[b1, update]] : [] })
  return {
    program,
    state: state.map((ref) => [w1, b1, w2].find((p) => p.id === ref.id)!.initial!),
    inputs: [[input(seed + 3)]],
  }
}

/** An input of the network. */
export const input = (seed: number): Tensor => tensor('float32', [1, 40], numbers(40, seed))

/** The same work with one weight changed. */
export function tampered(work: Work): Work {
  const data = (work.state[0].data as Float32Array).slice()
  data[7] += 0.5
  return { ...work, state: [{ ...work.state[0], data }, ...work.state.slice(1)] }
}
