/**
 * Runs a program on every runtime and demands one answer: the same bits in every value, or the same refusal.
 * @module
 */
import { expect } from 'vitest'
import { DTYPES, bytesOf, type DType, type Tensor } from '../../src/core/tensor.js'
import { Builder, type Ref } from '../../src/exact/builder.js'
import { isHalf, isHalfNaN } from '../../src/exact/ops/halves.js'
import type { Program } from '../../src/exact/program.js'
import { ortNode } from '../../src/runtime/ort-node.js'
import { ortWeb } from '../../src/runtime/ort-web.js'
import { reference } from '../../src/runtime/reference.js'
import { Refusal, type Runtime } from '../../src/runtime/runtime.js'

/** Decomposes something over the inputs and returns what is to be compared. */
export type Build = (b: Builder, inputs: readonly Ref[]) => readonly Ref[]

/** The runtimes under test; the first one is the definition. */
export const RUNTIMES: readonly Runtime[] = [
  reference(),
  ortNode({ threads: 1 }),
  ortNode({ threads: 2, unsafeOptimization: 'all' }),
  ortWeb(),
]

const CARRIERS: Partial<Record<DType, DType>> = {
  float16: 'uint16',
  bfloat16: 'uint16',
  float32: 'uint32',
  float64: 'uint64',
}

/** Floats leave as their bits, so that a NaN is a result like any other. */
const asBits = (b: Builder, ref: Ref): Ref => {
  const carrier = CARRIERS[ref.dtype]
  return carrier === undefined ? ref : b.op('BitCast', [ref], { to: DTYPES[carrier].code })
}

function programOf(build: Build, inputs: readonly Tensor[], finish: (b: Builder, ref: Ref) => Ref) {
  const b = new Builder()
  const refs = build(
    b,
    inputs.map((t, i) => b.input(`i${i}`, { dtype: t.dtype, dims: t.dims })),
  )
  const outputs = refs.map((ref, i) => [`o${i}`, finish(b, ref)] as const)
  return { program: b.finish({ outputs }).program, types: refs }
}

async function run(
  runtime: Runtime,
  program: Program,
  { inputs, state = [] }: { inputs: readonly Tensor[]; state?: readonly Tensor[] },
) {
  const session = await runtime.open(program, state, { record: 'all' })
  try {
    const { outputs, values } = await session.step(inputs)
    return { outputs, values: values! }
  } finally {
    await session.close()
  }
}

/** The elements as comparable text, every NaN alike. */
function canonical({ dtype, data }: Tensor): string[] {
  if (isHalf(dtype)) return Array.from(data as Uint16Array, (bits) => (isHalfNaN(dtype, bits) ? 'NaN' : String(bits)))
  return Array.from(data as ArrayLike<number | bigint>, (v) => (Object.is(v, -0) ? '-0' : String(v)))
}

function demandEqual(found: Tensor, expected: Tensor, where: string): void {
  expect(`${found.dtype}[${found.dims}]`, where).toBe(`${expected.dtype}[${expected.dims}]`)
  const [a, b] = [canonical(found), canonical(expected)]
  const at = a.findIndex((value, i) => value !== b[i])
  if (at >= 0) expect(a[at], `${where}, element ${at}`).toBe(b[at])
}

/** The outputs of a program, after every runtime gave the same bits in every value of it. */
export async function conformProgram(
  program: Program,
  inputs: readonly Tensor[],
  state: readonly Tensor[] = [],
): Promise<readonly Tensor[]> {
  const [definition, ...others] = RUNTIMES
  const expected = await run(definition, program, { inputs, state })
  for (const runtime of others) {
    const found = await run(runtime, program, { inputs, state })
    expected.values.forEach((value, number) => {
      const made = program.values[number]
      const op = made.kind === 'node' ? made.op : made.kind
      demandEqual(found.values[number], value, `${runtime.name}: value ${number} (${op})`)
    })
  }
  return expected.outputs
}

/** The results of what `build` makes, equal in every bit on every runtime. NaN is allowed in results. */
export async function conform(build: Build, inputs: readonly Tensor[]): Promise<Tensor[]> {
  const { program, types } = programOf(build, inputs, asBits)
  const outputs = await conformProgram(program, inputs)
  return outputs.map((output, i) => {
    const { dtype, dims } = types[i]
    const { array: Data } = DTYPES[dtype]
    return { dtype, dims, data: new Data(bytesOf(output).slice().buffer as ArrayBuffer) }
  })
}

/** The refusal that every runtime gave: same reason, node and element. */
export async function refusal(build: Build, inputs: readonly Tensor[]): Promise<Refusal> {
  const { program } = programOf(build, inputs, (_, ref) => ref)
  const refusals = await Promise.all(
    RUNTIMES.map(async (runtime) => {
      const error: unknown = await run(runtime, program, { inputs }).then(
        () => new Error(`${runtime.name} did not refuse`),
        (thrown: unknown) => thrown,
      )
      if (!(error instanceof Refusal)) throw error
      return error
    }),
  )
  for (const { reason, node, element } of refusals) {
    expect({ reason, node, element }).toEqual({
      reason: refusals[0].reason,
      node: refusals[0].node,
      element: refusals[0].element,
    })
  }
  return refusals[0]
}
