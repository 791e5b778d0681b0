/**
 * Low-rank adapters (Hu et al. 2021): a weight W [rows, ...] is used as W + scale * left right, left [rows, rank] and right
 * [rank, columns]. Training the factors alone fine-tunes a model whose own weights stay as they are.
 * @module
 */
import { demand } from '../core/faults.js'
import { allocate, sizeOf, type Tensor, type TensorType } from '../core/tensor.js'
import { Builder, type Ref } from '../exact/builder.js'
import type { Compiled } from '../exact/compile.js'
import { inputsOf, type Program } from '../exact/program.js'
import { graft } from './graft.js'

/** Options of {@link adapt} and {@link merging}. */
export interface AdapterOptions {
  readonly rank: number
  /** Default 1. */
  readonly scale?: number
  /** Which parameters get an adapter; each has at least two dimensions. */
  readonly of: (name: string) => boolean
  /** First value of a left factor, from the seed or a checkpoint; right factors begin as zeros, so the model begins as it was. */
  readonly left: (type: TensorType, name: string) => Tensor
}

/** True for the names of the factors: what is trained. */
export const isAdapter = (name: string): boolean => name.startsWith('left of ') || name.startsWith('right of ')

interface Adapted {
  readonly own: readonly Ref[]
  readonly factors: readonly Ref[]
  /** Each parameter as the model uses it. */
  readonly used: readonly Ref[]
  readonly state: readonly Tensor[]
}

/** Declares all parameters of the model, then the factors. */
function declare(b: Builder, { program, state }: Compiled, options: AdapterOptions): Adapted {
  const { rank, scale = 1, of, left } = options
  demand(Number.isSafeInteger(rank) && rank >= 1, 'autodiff/bad-option', () => `adapters of rank ${rank}`)
  const { parameters: names } = program.names
  demand(names.some(of), 'autodiff/bad-option', () => 'no parameter of the model gets an adapter')
  const own = state.map((t, i) => b.parameter(names[i], t))
  const factors: Ref[] = []
  const initial: Tensor[] = [...state]
  const factor = (name: string, value: Tensor): Ref => {
    const ref = b.parameter(name, value)
    factors.push(ref)
    initial.push(value)
    return ref
  }
  const used = own.map((w, i) => {
    if (!of(names[i])) return w
    demand(w.dims.length >= 2, 'autodiff/bad-option', () => `an adapter of "${names[i]}" [${w.dims}]`)
    const [rows, columns] = [w.dims[0], sizeOf(w.dims.slice(1))]
    const first = left({ dtype: w.dtype, dims: [rows, rank] }, names[i])
    const a = factor(`left of ${names[i]}`, first)
    const fits = a.dtype === w.dtype && a.dims.length === 2 && a.dims[0] === rows && a.dims[1] === rank
    demand(fits, 'autodiff/bad-option', () => `left factor of "${names[i]}"`, {
      expected: `${w.dtype}[${rows},${rank}]`,
      found: `${a.dtype}[${a.dims}]`,
    })
    const zeros: Tensor = { dtype: w.dtype, dims: [rank, columns], data: allocate(w.dtype, rank * columns) }
    const change = b.mul(b.scalar(w.dtype, scale), b.matmul(a, factor(`right of ${names[i]}`, zeros)))
    return b.add(w, b.reshape(change, w.dims))
  })
  return { own, factors, used, state: initial }
}

/**
 * The model with adapters: the same inputs and outputs, the factors behind its own parameters.
 * @throws Fault `autodiff/bad-option`.
 */
export function adapt(compiled: Compiled, options: AdapterOptions): Compiled {
  const { program } = compiled
  const b = new Builder()
  const { own, factors, used, state } = declare(b, compiled, options)
  const inputs = inputsOf(program).map((type, i) => b.input(program.names.inputs[i], type))
  const refs = graft(b, program, [...used, ...inputs])
  const outputs = program.names.outputs.map((name, i) => [name, refs[program.outputs[i]]] as const)
  return { program: b.finish({ outputs, keep: [...own, ...factors] }).program, state, bound: compiled.bound }
}

/**
 * The program without inputs whose parameters are those of the adapted model and whose outputs are the plain model's parameters with
 * the adapters worked in, in order: run once, it gives the state of the plain model that computes the same up to rounding.
 * @throws Fault `autodiff/bad-option`.
 */
export function merging(compiled: Compiled, options: AdapterOptions): Program {
  const b = new Builder()
  const { own, factors, used } = declare(b, compiled, options)
  const outputs = compiled.program.names.parameters.map((name, i) => [name, used[i]] as const)
  return b.finish({ outputs, keep: [...own, ...factors] }).program
}
