/**
 * Learning rates as graphs of exact ops over the step number, which is the only thing that they know of the run.
 * @module
 */
import { demand } from '../core/faults.js'
import { Builder, type Ref } from '../exact/builder.js'

/** The learning rate of a step, both float32 of rank 0. Steps count from 0. */
export type Schedule = (b: Builder, step: Ref) => Ref

const number = (b: Builder, value: number) => b.scalar('float32', value)

function demandSteps(steps: number): void {
  demand(
    Number.isInteger(steps) && steps >= 1 && steps <= 2 ** 24,
    'autodiff/bad-option',
    () => `${steps} steps of a schedule`,
  )
}

function demandRate(rate: number): void {
  demand(rate >= 0 && rate < Infinity, 'autodiff/bad-option', () => `learning rate ${rate}`)
}

/** The same rate in every step. */
export function constant(rate: number): Schedule {
  demandRate(rate)
  return (b) => number(b, rate)
}

/** From `rate` to `floor` along half a cosine over `steps` steps, then `floor`. */
export function cosine(rate: number, { steps, floor = 0 }: { steps: number; floor?: number }): Schedule {
  demandRate(rate)
  demandRate(floor)
  demandSteps(steps)
  return (b, step) => {
    const share = b.div(b.min(step, number(b, steps)), number(b, steps))
    const wave = b.op('Cos', [b.mul(number(b, Math.PI), share)])
    const half = b.mul(number(b, 0.5), b.add(number(b, 1), wave))
    return b.add(number(b, floor), b.mul(number(b, rate - floor), half))
  }
}

/** A schedule whose first `steps` steps take 1/steps, 2/steps, ... of its rate. */
export function warmup(schedule: Schedule, { steps }: { steps: number }): Schedule {
  demandSteps(steps)
  return (b, step) => {
    const share = b.div(b.add(step, number(b, 1)), number(b, steps))
    return b.mul(schedule(b, step), b.min(share, number(b, 1)))
  }
}

/** Steps that are evaluated at once: small enough to be folded. */
const CHUNK = 1 << 14

/**
 * The rates of `steps` steps from `first` on, by the definitions of the ops: those that a run computes, bit for bit.
 * @throws Fault `autodiff/bad-option` where the schedule has no value.
 */
export function evaluate(schedule: Schedule, { first, steps }: { first: number; steps: number }): Float32Array {
  const found = new Float32Array(steps)
  for (let at = 0; at < steps; at += CHUNK) {
    found.set(evaluated(schedule, { first: first + at, steps: Math.min(CHUNK, steps - at) }), at)
  }
  return found
}

/** The graph over a vector of step numbers, all of it constant. */
function evaluated(schedule: Schedule, { first, steps }: { first: number; steps: number }): Float32Array {
  const b = new Builder()
  const numbers = BigInt64Array.from({ length: steps }, (_, i) => BigInt(first + i))
  const step = b.cast(b.constant({ dtype: 'int64', dims: [steps], data: numbers }), 'float32')
  const { value } = b.expand(schedule(b, step), [steps])
  demand(value !== undefined, 'autodiff/bad-option', () => 'a schedule that has no value in some step')
  return value.data as Float32Array
}
