/**
 * The verifier of proofs of learning that Jia et al. describe ("Proof-of-Learning: Definitions and Practice", 2021), in own code, to
 * compare with. It tests whether the first weights look as if drawn from the declared distribution, recomputes the Q largest updates of
 * every epoch, and accepts what lies near enough to what the prover claims: recomputing on other hardware gives other bits.
 * @module
 */
import type { Tensor } from '../../src/core/tensor.js'
import type { Rule } from '../../src/data/initial.js'
import { reference } from '../../src/runtime/reference.js'
import type { Runtime } from '../../src/runtime/runtime.js'
import { uniforms, type State, type Transcript } from './run.js'

/** Distances between two states as flat vectors. */
export const NORMS = ['l1', 'l2', 'linf', 'cosine'] as const
/** One of them. */
export type Norm = (typeof NORMS)[number]
/** A distance or a threshold for each. */
export type PerNorm = Readonly<Record<Norm, number>>

/** The distances of two states, in binary64. */
export function distances(a: State, b: State): PerNorm {
  let [l1, squares, linf, dot, own, other] = [0, 0, 0, 0, 0, 0]
  a.forEach(({ data }, i) => {
    const theirs = b[i].data as Float32Array
    ;(data as Float32Array).forEach((x, k) => {
      const [y, gap] = [theirs[k], Math.abs(x - theirs[k])]
      l1 += gap
      squares += gap * gap
      linf = Math.max(linf, gap)
      dot += x * y
      own += x * x
      other += y * y
    })
  })
  return { l1, l2: Math.sqrt(squares), linf, cosine: Math.max(0, 1 - dot / Math.sqrt(own * other)) }
}

/** Critical value of the one-sample Kolmogorov-Smirnov test at the level 0.01 for large samples, times sqrt(n). */
const CRITICAL = 1.628

/** The largest gap between the empirical distribution of a sample and the uniform one on [-bound, bound]. */
export function kolmogorovSmirnov(sample: ArrayLike<number>, bound: number): number {
  const sorted = Float64Array.from(sample).sort()
  const n = sorted.length
  return sorted.reduce((most, value, i) => {
    const expected = Math.min(1, Math.max(0, (value / bound + 1) / 2))
    return Math.max(most, expected - i / n, (i + 1) / n - expected)
  }, 0)
}

/** True where a parameter may have been drawn by its rule. */
function looksDrawn({ data }: Tensor, rule: Rule): boolean {
  const values = data as Float32Array
  if (rule.kind !== 'uniform') return values.every((value) => value === (rule.kind === 'ones' ? 1 : 0))
  return kolmogorovSmirnov(values, Math.sqrt(rule.gain / rule.fan)) <= CRITICAL / Math.sqrt(values.length)
}

/** Options of {@link inspect}. */
export interface BaselineOptions {
  /** Updates that are recomputed in each epoch: Q. Default 2. */
  readonly top?: number
  /** Relative difference of every weight after a step on the verifier's hardware. Default 1e-6; 0 for the prover's own. */
  readonly noise?: number
  /** Default: the reference. */
  readonly runtime?: Runtime
}

/** What the verifier found out; what it accepts follows from that and a threshold. */
export interface Inspection {
  /** Whether every parameter passes the test of its first weights. */
  readonly startsDrawn: boolean
  /** The largest distance of a recomputed update from the claimed one. */
  readonly farthest: PerNorm
  readonly recomputed: readonly number[]
}

/** Recomputes what the verifier looks at. */
export async function inspect(transcript: Transcript, options: BaselineOptions = {}): Promise<Inspection> {
  const { states, task } = transcript
  const found: PerNorm[] = []
  const recomputed = largestUpdates(transcript, options.top ?? 2)
  for (const update of recomputed)
    found.push(distances(await recompute(transcript, update, options), states[update + 1]))
  return {
    startsDrawn: states[0].every((value, i) => looksDrawn(value, task.rules[i])),
    farthest: perNorm((norm) => found.reduce((most, one) => Math.max(most, one[norm]), 0)),
    recomputed,
  }
}

/** True where the start passes and every recomputed update lies within the threshold. */
export const accepts = ({ startsDrawn, farthest }: Inspection, norm: Norm, threshold: number): boolean =>
  startsDrawn && farthest[norm] <= threshold

/** A value for each norm. */
export const perNorm = (of: (norm: Norm) => number): PerNorm =>
  Object.fromEntries(NORMS.map((norm) => [norm, of(norm)])) as unknown as PerNorm

/** The updates from checkpoint to checkpoint that moved the weights farthest (l2), `top` of every epoch, in order. */
export function largestUpdates({ states, task }: Transcript, top: number): number[] {
  const sizes = states.slice(1).map((after, i) => distances(states[i], after).l2)
  const each = task.stepsPerEpoch / task.checkpointEvery
  const epochs = Array.from({ length: Math.ceil(sizes.length / each) }, (_, epoch) =>
    sizes.map((_, i) => i).filter((i) => Math.floor(i / each) === epoch),
  )
  return epochs.flatMap((updates) =>
    updates
      .sort((a, b) => sizes[b] - sizes[a] || a - b)
      .slice(0, top)
      .sort((a, b) => a - b),
  )
}

/** The state at the end of an update, from the claimed one at its beginning, with noise after every step. */
async function recompute(transcript: Transcript, update: number, options: BaselineOptions): Promise<State> {
  const { noise = 1e-6, runtime = reference() } = options
  const { inputs, task } = transcript
  const { program, checkpointEvery } = task
  let state = transcript.states[update]
  for (let step = update * checkpointEvery; step < (update + 1) * checkpointEvery; step++) {
    const session = await runtime.open(program, state)
    await session.step(inputs(step))
    state = disturbed(session.state, { noise, name: `noise ${step}` })
    await session.close()
  }
  return state
}

/** Every weight times 1 + noise * u with u uniform in [-1, 1): rounding that differs from the prover's. */
export function disturbed(state: State, { noise, name }: { noise: number; name: string }): State {
  return state.map((value, i) => {
    const draws = uniforms(`${name} ${i}`, value.data.length)
    return { ...value, data: (value.data as Float32Array).map((x, k) => x * (1 + noise * draws[k])) }
  })
}
