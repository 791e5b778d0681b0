/**
 * Data-parallel training in rounds: workers each train from a common state, and an outer step, a program as well, combines what they reach.
 *
 * Data flow: training -> outer step; common state -> the state of a worker -> its parameters after the round -> outer step -> common state.
 * @see Douillard et al. 2023, DiLoCo: Distributed Low-Communication Training of Language Models
 * @module
 */
import { demand } from '../core/faults.js'
import { allocate, isFloat, sizeOf, type Tensor } from '../core/tensor.js'
import { Builder, type Ref } from '../exact/builder.js'
import type { Program } from '../exact/program.js'
import type { Training } from './training.js'

/** How the workers are combined. The defaults are those of the authors. */
export interface OuterOptions {
  /** 1 to 1,024. */
  readonly workers: number
  /** Learning rate of the outer step, default 0.7. */
  readonly rate?: number
  /** Default 0.9. With 0 and a rate of 1 the outer step is the mean of the workers. */
  readonly momentum?: number
  /** Default: wherever there is momentum. */
  readonly nesterov?: boolean
}

/** The outer step of a training program. */
export interface Outer {
  /**
   * Parameters: the common ones, in the order of the training program, then `velocity of ...` of those that are trained.
   * Inputs: `... of worker 0` for every common parameter, then those of worker 1 and so on. Output: `norm` of the outer gradient, float32.
   */
  readonly program: Program
  /** Before the first round. */
  readonly state: readonly Tensor[]
  /** The program that the workers train with, and what of its state is not common: frozen parameters, zeros of the optimizer. */
  readonly inner: Pick<Training, 'program' | 'state'>
  readonly workers: number
  /** Positions of the common parameters in the state of the training program. */
  readonly common: readonly number[]
}

/** So many summands share one grid: their order has no influence (docs/numerics.md, sums). */
const MOST_WORKERS = 1024

interface Rates {
  readonly rate: number
  readonly momentum: number
  readonly nesterov: boolean
}

function ratesOf({ workers, rate = 0.7, momentum = 0.9, nesterov = momentum > 0 }: OuterOptions): Rates {
  const counted = Number.isInteger(workers) && workers >= 1 && workers <= MOST_WORKERS
  demand(counted, 'autodiff/bad-option', () => `${workers} workers`, { expected: `1 to ${MOST_WORKERS}` })
  demand(rate >= 0 && rate < Infinity, 'autodiff/bad-option', () => `outer rate ${rate}`)
  demand(momentum >= 0 && momentum < 1, 'autodiff/bad-option', () => `outer momentum ${momentum} is not in [0, 1)`)
  demand(!nesterov || momentum > 0, 'autodiff/bad-option', () => 'Nesterov without momentum')
  return { rate, momentum, nesterov }
}

/**
 * The outer step of a training program. For every trained parameter p, with m the mean of the workers and g = p - m:
 * v' = momentum v + g; p' = m + (1 - rate) g - rate momentum w, w = v' with Nesterov, else v. This is p - rate (g + momentum v'), or p - rate v',
 * in an order that gives m itself for rate 1 without momentum. What steps carry beside (running statistics) becomes its mean.
 * Numerics: a mean is summed and divided in binary64 and rounded once to the type of the parameter; workers that agree give their own bits, and
 * their order has no influence. An infinite parameter of a worker refuses the step.
 * @throws Fault `autodiff/bad-option`, also where a step carries something that is no float and so has no mean.
 */
export function outer(training: Training, options: OuterOptions): Outer {
  const rates = ratesOf(options)
  const common = commonOf(training)
  const b = new Builder()
  const held = declare(b, training, { common, moving: rates.momentum > 0 })
  const reached = Array.from({ length: options.workers }, (_, worker) =>
    held.map(({ name, parameter }) => b.input(`${name} of worker ${worker}`, parameter)),
  )
  const updates = held.map((own, i) => {
    const parts = reached.map((parameters) => parameters[i])
    return updated(b, { ...own, mean: meanOf(b, parts) }, rates)
  })
  const { program } = b.finish({
    outputs: [['norm', normOf(b, updates)]],
    carries: held.flatMap((own, i) => carriesOf(own, updates[i])),
  })
  return {
    program,
    state: [...held.map(({ initial }) => initial), ...held.flatMap(({ velocity }) => velocity?.initial ?? [])],
    inner: { program: training.program, state: withoutSlots(training, common) },
    workers: options.workers,
    common,
  }
}

/** A common parameter in the outer program. */
interface Common {
  readonly name: string
  readonly trained: boolean
  readonly parameter: Ref
  readonly initial: Tensor
  readonly velocity: { readonly ref: Ref; readonly initial: Tensor } | undefined
}

/** Declares the common parameters, then the velocities of those that are trained. */
function declare(
  b: Builder,
  { program, state, trained }: Training,
  { common, moving }: { common: readonly number[]; moving: boolean },
): Common[] {
  const own = common.map((at) => {
    const [name, initial] = [program.names.parameters[at], state[at]]
    return { name, initial, trained: trained.includes(name), parameter: b.parameter(name, initial) }
  })
  return own.map((one) => {
    if (!moving || !one.trained) return { ...one, velocity: undefined }
    const initial = zerosLike(one.initial)
    return { ...one, velocity: { ref: b.parameter(`velocity of ${one.name}`, initial), initial } }
  })
}

/** Positions of what is common: parameters that steps replace and that belong to no optimizer. */
function commonOf({ program, trained }: Training): number[] {
  const { parameters: names } = program.names
  const own = new Set(trained)
  const slot = (name: string) => !own.has(name) && trained.some((one) => name.endsWith(` of ${one}`))
  const common = carriedBy(program).filter((at) => !slot(names[at]))
  for (const at of common) {
    const { dtype } = program.values[at]
    demand(isFloat(dtype), 'autodiff/bad-option', () => `"${names[at]}" has no mean`, { found: dtype })
  }
  return common
}

const carriedBy = ({ carries }: Program): number[] =>
  carries.map(({ parameter }) => parameter).sort((first, second) => first - second)

/** The state of the training program, the optimizer's tensors as zeros. */
function withoutSlots({ program, state }: Training, common: readonly number[]): Tensor[] {
  const slots = new Set(carriedBy(program).filter((at) => !common.includes(at)))
  return state.map((value, at) => (slots.has(at) ? zerosLike(value) : value))
}

const zerosLike = ({ dtype, dims }: Tensor): Tensor => ({ dtype, dims, data: allocate(dtype, sizeOf(dims)) })

/** Element by element, rounded once. */
function meanOf(b: Builder, parts: readonly Ref[]): Ref {
  if (parts.length === 1) return parts[0]
  const { dtype, dims } = parts[0]
  const rows = parts.map((part) => b.reshape(b.cast(part, 'float64'), [1, sizeOf(dims)]))
  return b.reshape(b.cast(b.mean(b.concat(rows, 0), [0]), dtype), dims)
}

/** A common parameter after the step; its outer gradient where it is trained. */
interface Update {
  readonly parameter: Ref
  readonly velocity?: Ref
  readonly gradient?: Ref
}

function updated(
  b: Builder,
  { parameter, mean, velocity, trained }: Common & { readonly mean: Ref },
  { rate, momentum, nesterov }: Rates,
): Update {
  if (!trained) return { parameter: mean }
  const times = (factor: number, x: Ref) => b.mul(b.scalar(x.dtype, factor), x)
  const gradient = b.sub(parameter, mean)
  const nearer = rate === 1 ? mean : b.add(mean, times(1 - rate, gradient))
  if (velocity === undefined) return { parameter: nearer, gradient }
  const next = b.add(times(momentum, velocity.ref), gradient)
  const further = times(rate * momentum, nesterov ? next : velocity.ref)
  return { parameter: b.sub(nearer, further), velocity: next, gradient }
}

function carriesOf({ parameter, velocity }: Common, after: Update): (readonly [Ref, Ref])[] {
  const own = [parameter, after.parameter] as const
  return velocity === undefined ? [own] : [own, [velocity.ref, after.velocity!]]
}

/** Euclidean norm of all gradients together, float32: squares and sums in binary64, where those of float32 do not overflow. */
function normOf(b: Builder, updates: readonly Update[]): Ref {
  const squares = updates.flatMap(({ gradient }) => {
    if (gradient === undefined) return []
    const wide = b.reshape(b.cast(b.cast(gradient, 'float32'), 'float64'), [sizeOf(gradient.dims)])
    return b.op('ReduceSum', [b.mul(wide, wide)], { axes: 1 })
  })
  return b.cast(b.sqrt(squares.reduce((sum, square) => b.add(sum, square))), 'float32')
}

/**
 * The state that every worker of a round begins from: the common parameters that the outer step left, the optimizer's tensors as zeros. A
 * round is a job of its own, whose steps count from 0, so the optimizer begins anew with it.
 * @param state Of the outer program.
 */
export function startOf({ inner, common }: Outer, state: readonly Tensor[]): Tensor[] {
  const start = [...inner.state]
  common.forEach((at, i) => (start[at] = state[i]))
  return start
}

/**
 * The inputs of the outer step: the common parameters of every worker, in order.
 * @param reached The state of the training program after the round, worker by worker.
 * @throws Fault `exact/missing-input` where there are more or fewer workers, or a state of another length.
 */
export function inputsOf({ inner, workers, common }: Outer, reached: readonly (readonly Tensor[])[]): Tensor[] {
  demandCount('workers', reached.length, workers)
  return reached.flatMap((state) => {
    demandCount('tensors of a state', state.length, inner.program.counts.parameters)
    return common.map((at) => state[at])
  })
}

function demandCount(what: string, found: number, expected: number): void {
  demand(found === expected, 'exact/missing-input', () => what, { expected, found })
}
