/**
 * Optimizers as graphs of exact ops. Every constant is rounded to the type of the parameter; operations are in the order written.
 * @module
 */
import { demand } from '../core/faults.js'
import type { Builder, Ref } from '../exact/builder.js'
import { constant, type Schedule } from './rates.js'

/** A parameter before a step, its gradient, and its state in the order of the optimizer's slots. */
export interface Held {
  readonly parameter: Ref
  readonly gradient: Ref
  readonly slots: readonly Ref[]
}

/** The same after the step. */
export interface Updated {
  readonly parameter: Ref
  readonly slots: readonly Ref[]
}

/** Changes parameters by their gradients, with some tensors of state for each, which begin as zeros. */
export interface Optimizer {
  readonly name: string
  readonly slots: readonly string[]
  /** The update of any parameter in the step of this number (float32, rank 0, from 0). */
  at(b: Builder, step: Ref): (held: Held) => Updated
}

/** A rate for all steps, or a schedule. */
export type Rate = number | Schedule

const scheduleOf = (rate: Rate): Schedule => (typeof rate === 'number' ? constant(rate) : rate)
const like = (b: Builder, ref: Ref, value: number) => b.scalar(ref.dtype, value)
/** rate * direction, the rate in the type of the direction. */
const scaled = (b: Builder, rate: Ref, direction: Ref) => b.mul(b.cast(rate, direction.dtype), direction)

function demandShare(name: string, value: number): void {
  demand(value >= 0 && value < 1, 'autodiff/bad-option', () => `${name} ${value} is not in [0, 1)`)
}

function demandPositive(name: string, value: number): void {
  demand(value > 0 && value < Infinity, 'autodiff/bad-option', () => `${name} ${value} is not above 0`)
}

function demandDecay(decay: number): void {
  demand(decay >= 0 && decay < Infinity, 'autodiff/bad-option', () => `weight decay ${decay}`)
}

/** gradient + decay * parameter: weight decay as an L2 term of the loss. */
function coupled(b: Builder, { parameter, gradient }: Held, decay: number): Ref {
  return decay === 0 ? gradient : b.add(gradient, b.mul(like(b, parameter, decay), parameter))
}

/** Options of {@link sgd}. */
export interface SgdOptions {
  /** 0: plain descent, without state. */
  readonly momentum?: number
  readonly nesterov?: boolean
  /** L2 term, coupled. */
  readonly weightDecay?: number
}

/**
 * Stochastic gradient descent: v' = momentum v + g; p' = p - rate v', with Nesterov p - rate (g + momentum v').
 * @throws Fault `autodiff/bad-option`.
 */
export function sgd(rate: Rate, { momentum = 0, nesterov = false, weightDecay = 0 }: SgdOptions = {}): Optimizer {
  demandShare('momentum', momentum)
  demandDecay(weightDecay)
  demand(!nesterov || momentum > 0, 'autodiff/bad-option', () => 'Nesterov without momentum')
  const schedule = scheduleOf(rate)
  return {
    name: nesterov ? 'nesterov' : momentum > 0 ? 'momentum' : 'sgd',
    slots: momentum > 0 ? ['velocity'] : [],
    at(b, step) {
      const now = schedule(b, step)
      const inertia = (velocity: Ref) => b.mul(like(b, velocity, momentum), velocity)
      return (held) => {
        const gradient = coupled(b, held, weightDecay)
        const velocity = momentum > 0 ? b.add(inertia(held.slots[0]), gradient) : gradient
        const direction = nesterov ? b.add(gradient, inertia(velocity)) : velocity
        return {
          parameter: b.sub(held.parameter, scaled(b, now, direction)),
          slots: momentum > 0 ? [velocity] : [],
        }
      }
    },
  }
}

/** Options of {@link adam} and {@link adamW}. */
export interface AdamOptions {
  readonly beta1?: number
  readonly beta2?: number
  readonly epsilon?: number
  /** adam: L2 term, coupled. adamW: decoupled, scaled by the rate. */
  readonly weightDecay?: number
}

/** What Adam's authors propose. */
export const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const

/**
 * Adam (Kingma and Ba 2015): m' = beta1 m + (1 - beta1) g; v' = beta2 v + (1 - beta2) g^2;
 * p' = p - rate (m' / (1 - beta1^t)) / (sqrt(v' / (1 - beta2^t)) + epsilon) with t = step + 1.
 * @throws Fault `autodiff/bad-option`.
 */
export function adam(rate: Rate, options: AdamOptions = {}): Optimizer {
  return adaptive('adam', scheduleOf(rate), { ...ADAM, weightDecay: 0, ...options, decoupled: false })
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019): p is p - rate * weightDecay * p before Adam's step.
 * @throws Fault `autodiff/bad-option`.
 */
export function adamW(rate: Rate, options: AdamOptions = {}): Optimizer {
  return adaptive('adamw', scheduleOf(rate), { ...ADAM, weightDecay: 0.01, ...options, decoupled: true })
}

type Adaptive = Required<AdamOptions> & { readonly decoupled: boolean }

function adaptive(name: string, schedule: Schedule, options: Adaptive): Optimizer {
  const { beta1, beta2, epsilon, weightDecay, decoupled } = options
  demandShare('beta1', beta1)
  demandShare('beta2', beta2)
  demandPositive('epsilon', epsilon)
  demandDecay(weightDecay)
  return {
    name,
    slots: ['mean', 'square'],
    at(b, step) {
      const rate = schedule(b, step)
      const count = b.add(step, b.scalar('float32', 1))
      const corrections = [bias(b, beta1, count), bias(b, beta2, count)]
      return (held) => {
        const gradient = decoupled ? held.gradient : coupled(b, held, weightDecay)
        const mean = averaged(b, held.slots[0], { beta: beta1, next: gradient })
        const square = averaged(b, held.slots[1], { beta: beta2, next: b.mul(gradient, gradient) })
        const [m, v] = [mean, square].map((slot, i) => b.div(slot, b.cast(corrections[i], slot.dtype)))
        const direction = b.div(m, b.add(b.sqrt(v), like(b, v, epsilon)))
        const start = decoupled ? decayed(b, held.parameter, { rate, weightDecay }) : held.parameter
        return { parameter: b.sub(start, scaled(b, rate, direction)), slots: [mean, square] }
      }
    },
  }
}

/** beta * slot + (1 - beta) * next. */
function averaged(b: Builder, slot: Ref, { beta, next }: { beta: number; next: Ref }): Ref {
  return b.add(b.mul(like(b, slot, beta), slot), b.mul(like(b, slot, 1 - beta), next))
}

/** 1 - beta^t as -expm1(t log1p(beta - 1)): no digit is lost where beta is near 1. */
function bias(b: Builder, beta: number, count: Ref): Ref {
  const log = b.op('Log1p', [b.scalar('float32', beta - 1)])
  return b.neg(b.op('Expm1', [b.mul(count, log)]))
}

/** p - rate * weightDecay * p. */
function decayed(b: Builder, parameter: Ref, { rate, weightDecay }: { rate: Ref; weightDecay: number }): Ref {
  if (weightDecay === 0) return parameter
  const share = b.mul(rate, b.scalar('float32', weightDecay))
  return b.sub(parameter, scaled(b, share, parameter))
}

/** The gradients, scaled down together where their common Euclidean norm is above `limit`: min(1, limit / norm). */
export function clipped(b: Builder, gradients: readonly Ref[], limit: number): Ref[] {
  demandPositive('gradient norm', limit)
  const squares = gradients.map((g) => {
    const wide = b.reshape(b.cast(g, 'float32'), [g.dims.reduce((n, dim) => n * dim, 1)])
    return b.op('ReduceSum', [b.mul(wide, wide)], { axes: 1 })
  })
  const norm = b.sqrt(squares.reduce((sum, square) => b.add(sum, square)))
  const scale = b.min(b.scalar('float32', 1), b.div(b.scalar('float32', limit), norm))
  return gradients.map((g) => scaled(b, scale, g))
}
