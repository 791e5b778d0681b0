/**
 * What calibration data says of every value of a program: the ends of its range, and a sample of its elements.
 * @module
 */
import { demand, throwIfAborted } from '../core/faults.js'
import { isFloat, type Tensor } from '../core/tensor.js'
import type { Program } from '../exact/program.js'
import type { Runtime } from '../runtime/runtime.js'
import type { Sample } from './scale.js'

/** Elements of one value that are kept, over all feeds: enough for an error of a scale, little enough for large networks. */
const KEPT = 1 << 16

/** Progress and cancelling. */
export interface Watch {
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/** A sample that grows. */
interface Growing {
  least: number
  most: number
  readonly values: Float64Array[]
}

/**
 * Runs a program on all feeds and looks at its values. The same feeds give the same samples on every runtime.
 * @throws Fault `quantize/bad-calibration` where a value is not finite; those of runtimes.
 */
export async function calibrate(
  { program, state }: { program: Program; state: readonly Tensor[] },
  feeds: readonly (readonly Tensor[])[],
  { runtime, onProgress, signal }: Watch & { runtime: Runtime },
): Promise<ReadonlyMap<number, Sample>> {
  const samples = new Map<number, Growing>()
  const session = await runtime.open(program, state, { record: 'all', signal })
  try {
    for (const [i, feed] of feeds.entries()) {
      throwIfAborted(signal)
      const { values } = await session.step(feed, { signal })
      look(program, values!, { samples, most: Math.ceil(KEPT / feeds.length) })
      onProgress?.(i + 1, feeds.length)
    }
  } finally {
    await session.close()
  }
  return samples
}

function look(
  { values: types, counts }: Program,
  values: readonly Tensor[],
  { samples, most }: { samples: Map<number, Growing>; most: number },
): void {
  types.forEach(({ dtype, kind }, number) => {
    const looked = number >= counts.parameters && kind !== 'constant' && isFloat(dtype)
    if (!looked || dtype === 'float16' || dtype === 'bfloat16') return
    const growing = samples.get(number) ?? { least: 0, most: 0, values: [] }
    samples.set(number, growing)
    grow(growing, values[number].data as Float32Array, most)
  })
}

/** An odd stride does not fall into the columns of a picture. */
function grow(growing: Growing, data: ArrayLike<number>, most: number): void {
  for (let i = 0; i < data.length; i++) {
    demand(Number.isFinite(data[i]), 'quantize/bad-calibration', () => `a value of the network is ${data[i]}`)
    if (data[i] < growing.least) growing.least = data[i]
    if (data[i] > growing.most) growing.most = data[i]
  }
  const stride = data.length <= most ? 1 : Math.ceil(data.length / most) | 1
  const kept = new Float64Array(Math.ceil(data.length / stride))
  for (let i = 0; i < kept.length; i++) kept[i] = data[i * stride]
  growing.values.push(kept)
}
