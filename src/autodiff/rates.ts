/**
 * Learning rates as graphs of exact ops over the step number, which is the only thing that they know of the run.
 * @module
 */
import { demand } from '../core/faults.js'
import type { Builder, Ref } from '../exact/builder.js'

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
