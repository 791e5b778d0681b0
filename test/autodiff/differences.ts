/**
 * Gradients by central differences, to compare with those of the backward pass.
 * @module
 */
import { expect } from 'vitest'
import { sizeOf, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { graft } from '../../src/autodiff/graft.js'
import { reverse } from '../../src/autodiff/reverse.js'
import { Builder, type Ref } from '../../src/exact/builder.js'
import type { Program } from '../../src/exact/program.js'
import { reference } from '../../src/runtime/reference.js'

/** Something differentiable over float inputs, and integers or truth values that it may read too. */
export type Build = (b: Builder, inputs: readonly Ref[]) => Ref

/** Numbers between -1 and 1 on a grid of 2^-6, far enough from each other that no maximum changes hands. */
export function spreadOut(dtype: DType, dims: readonly number[], seed = 1): Tensor {
  const size = sizeOf(dims)
  const order = Array.from({ length: size }, (_, i) => i).sort((i, j) => mixed(i, seed) - mixed(j, seed))
  return tensor(dtype, dims, order.map((at) => Math.round(((at + 0.5) / size - 0.5) * 128) / 64) as number[])
}

/** A fixed permutation of 32-bit integers. */
function mixed(i: number, seed: number): number {
  let h = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d)
  return (h ^ (h >>> 13)) >>> 0
}

const isFloat = ({ dtype }: Tensor) => dtype === 'float64' || dtype === 'float32'

/** The sum of all elements of what `build` makes, each with a weight of its own. */
function weighted(build: Build, inputs: readonly Tensor[]): Program {
  const b = new Builder()
  const refs = inputs.map((t, i) => b.input(`i${i}`, { dtype: t.dtype, dims: t.dims }))
  const made = build(b, refs)
  const weights = b.constant(spreadOut(made.dtype, made.dims, 7))
  const flat = b.reshape(b.mul(made, weights), [sizeOf(made.dims)])
  return b.finish({ outputs: [['loss', b.op('ReduceSum', [flat], { axes: 1 })]] }).program
}

async function run(program: Program, inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
  const session = await reference().open(program, [])
  return (await session.step(inputs)).outputs
}

/** The program that gives the gradients of the first output by all float inputs. */
export function gradientsOf(program: Program): Program {
  const b = new Builder()
  const { parameters, inputs } = program.counts
  const given = program.values.slice(0, parameters + inputs).map((type, i) => b.input(`i${i}`, type))
  const refs = graft(b, program, given)
  const by = given.map((_, i) => i).filter((i) => given[i].dtype.startsWith('float'))
  const found = reverse(b, { program, refs }, { of: program.outputs[0], by })
  const outputs = by.map((i, k) => [`g${i}`, found[k] ?? b.full(given[i], 0)] as const)
  return b.finish({ outputs }).program
}

const moved = (t: Tensor, at: number, by: number): Tensor => {
  const data = t.data.slice() as Float64Array
  data[at] += by
  return { ...t, data }
}

export interface Tolerance {
  readonly h: number
  readonly within: number
}

/** (8 (f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12h for one element: the error falls with the fourth power of h. */
async function difference(
  program: Program,
  inputs: readonly Tensor[],
  { which, at, h }: { which: number; at: number; h: number },
) {
  const at_ = async (by: number) => {
    const shifted = inputs.map((t, i) => (i === which ? moved(t, at, by) : t))
    return Number((await run(program, shifted))[0].data[0])
  }
  return (8 * ((await at_(h)) - (await at_(-h))) - ((await at_(2 * h)) - (await at_(-2 * h)))) / (12 * h)
}

/** Demands that the backward pass gives the central differences, for every element of every float input. */
export async function agree(build: Build, inputs: readonly Tensor[], { h, within }: Tolerance): Promise<void> {
  const program = weighted(build, inputs)
  const gradients = await run(gradientsOf(program), inputs)
  const floats = inputs.map((_, i) => i).filter((i) => isFloat(inputs[i]))
  for (const [k, which] of floats.entries())
    for (let at = 0; at < inputs[which].data.length; at++) {
      const expected = await difference(program, inputs, { which, at, h })
      const error = Math.abs(Number(gradients[k].data[at]) - expected)
      expect(error, `input ${which}, element ${at}: ${gradients[k].data[at]} for ${expected}`).toBeLessThan(
        within * (1 + Math.abs(expected)),
      )
    }
}
