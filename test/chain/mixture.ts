/**
 * A small program with ops of every sort that disputes tell apart: products, sums, choices, copies and arithmetic.
 */
import { ZERO32 } from '../../src/core/bytes.js'
import { tensor } from '../../src/core/tensor.js'
import * as Course from '../../src/data/course.js'
import * as Dataset from '../../src/data/dataset.js'
import * as Initial from '../../src/data/initial.js'
import { Builder } from '../../src/exact/builder.js'
import type { Work } from '../../src/trace/trace.js'
import { numbers } from '../trace/work.js'

const floats = (dims: number[], seed: number) =>
  tensor(
    'float32',
    dims,
    numbers(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ),
  )

/** Looks up two rows, multiplies them with weights, and sums and picks; over several steps the weights move. */
export function mixture({ steps = 1, seed = 1 } = {}): Work {
  const b = new Builder()
  const state = [floats([5, 3], seed), floats([3, 4], seed + 1)]
  const table = b.parameter('table', state[0])
  const w = b.parameter('w', state[1])
  const x = b.input('x', { dtype: 'int64', dims: [2] })
  const rows = b.gather(table, x, 0)
  const h = b.relu(b.add(b.matmul(rows, w), b.scalar('float32', 0.25)))
  const y = b.add(b.op('ReduceMax', [h], { axes: 1 }), b.op('ReduceSum', [h], { axes: 1 }))
  const moved = b.sub(w, b.mul(b.matmul(b.transpose(rows, [1, 0]), h), b.scalar('float32', 0.125)))
  const { program } = b.finish({ outputs: [['y', y]], carries: steps > 1 ? [[w, moved]] : [] })
  const inputs = Array.from({ length: steps }, (_, i) => [
    tensor('int64', [2], [BigInt(i % 5), BigInt((i + seed) % 5)]),
  ])
  return { program, state, inputs }
}

/** The first value of a program that an op computes. */
export function valueOf({ program }: Work, op: string): number {
  const found = program.values.findIndex((value) => value.kind === 'node' && value.op === op)
  if (found < 0) throw new Error(`the program has no ${op}`)
  return found
}

/** A job whose schedule draws the first weights and every batch. The state and the inputs here only say their number: they follow from the job. */
export function scheduled({ steps = 3 } = {}): Work {
  const dataset = Dataset.from({ row: floats([7, 3], 11) })
  const course = Course.from(dataset, { batchSize: 2, start: { rules: [Initial.uniform(1, 2)] } })
  const b = new Builder()
  const w = b.parameter('w', floats([3, 4], 1))
  const x = b.input('row', { dtype: 'float32', dims: [2, 3] })
  b.input('step', { dtype: 'int64', dims: [] })
  const y = b.matmul(x, w)
  const moved = b.sub(w, b.mul(b.matmul(b.transpose(x, [1, 0]), y), b.scalar('float32', 0.125)))
  const { program } = b.finish({ outputs: [['y', y]], carries: [[w, moved]] })
  return Course.open(course, program, { job: ZERO32, steps })
}
