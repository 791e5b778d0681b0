/**
 * One's own run of a job, ready for a dispute: its leaves, and the values of any leaf when they are asked for.
 * @module
 */
import { ZERO32 } from '../core/bytes.js'
import { throwIfAborted } from '../core/faults.js'
import type { Tensor } from '../core/tensor.js'
import { replayLeaf } from '../audit/leaves.js'
import { Refusal, type Runtime, type Session } from '../runtime/runtime.js'
import type { RunRefusal } from '../trace/refusal.js'
import { stateBytes } from '../trace/state.js'
import { leafOf, leavesOf, type Content, type Step } from '../trace/step.js'
import type { Work } from '../trace/trace.js'
import type { OwnRun } from './book.js'
import { emptyStep, retrace, type Retraced } from './retrace.js'

/** Options of {@link runFor}. */
export interface RunOptions {
  readonly commitEvery?: number
  /** Where the job asks for operator traces: leaves hold the roots of the values. */
  readonly operatorTrace?: boolean
  /** Called after every leaf. */
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
  /** Bytes of states that may be kept, so that a leaf can be computed again without the run before it. Default 256 MiB. */
  readonly memory?: number
}

const MEMORY = 2 ** 28

/**
 * Runs the work and keeps what a dispute needs.
 * Cost: the run, and of a leaf that is asked for the steps from the nearest state that was kept.
 * @throws Fault `trace/bad-state`, `runtime/failed`, `core/aborted`.
 */
export async function runFor(work: Work, runtime: Runtime, options: RunOptions = {}): Promise<OwnRun> {
  const { commitEvery = 1, operatorTrace = false } = options
  const session = await runtime.open(work.program, work.state, { record: operatorTrace ? 'all' : 'outputs' })
  try {
    const { leaves, states, refusal } = await run(session, { work, runtime, commitEvery, options })
    const end = refusal === undefined ? Infinity : Math.floor(refusal.step / commitEvery)
    const again = async (leaf: number) =>
      leaf > end ? nothingAt(leaf, { work, commitEvery }) : retraceFrom(states, leaf, { work, runtime, commitEvery })
    const { program, inputs } = work
    return { program, commitEvery, inputs, leaves, refusal, retrace: again }
  } finally {
    await session.close()
  }
}

interface Running {
  readonly work: Work
  readonly runtime: Runtime
  readonly commitEvery: number
}

/** States before some leaves, the first among them. */
type States = Map<number, readonly Tensor[]>

async function run(
  session: Session,
  { work, runtime, commitEvery, options }: Running & { readonly options: RunOptions },
): Promise<{ leaves: Step[]; states: States; refusal: RunRefusal | undefined }> {
  const { inputs } = work
  const total = leavesOf(inputs.length, commitEvery)
  const room = Math.max(1, Math.floor((options.memory ?? MEMORY) / Math.max(1, stateBytes(work.program))))
  const spacing = Math.ceil(total / room)
  const [leaves, states] = [[] as Step[], new Map([[0, work.state]])]
  let state = work.state
  for (let leaf = 0; leaf < total; leaf++) {
    throwIfAborted(options.signal)
    const place = { leaf, commitEvery, inputs, state }
    const replayed = await replayLeaf(session, place).catch((error: unknown) => {
      if (error instanceof Refusal) return undefined
      throw error
    })
    if (replayed === undefined) {
      const refused = await retrace(work.program, runtime, place)
      leaves.push(refusedLeaf(leaf, refused, { commitEvery, ...options }), ...emptyLeaves(leaf + 1, total))
      return { leaves, states, refusal: refused.refusal }
    }
    leaves.push(replayed.leaf)
    state = replayed.state
    if ((leaf + 1) % spacing === 0) states.set(leaf + 1, state)
    options.onProgress?.(leaf + 1, total)
  }
  return { leaves, states, refusal: undefined }
}

/** The leaf in which a run was refused: the refused step commits no values, the steps behind it nothing. */
function refusedLeaf(
  index: number,
  { steps, refusal }: Retraced,
  { commitEvery, operatorTrace = false }: { readonly commitEvery: number; readonly operatorTrace?: boolean },
): Step {
  const contents = steps.map(({ leaf }): Content => {
    return operatorTrace && leaf.index !== refusal!.step ? leaf : { ...leaf, values: ZERO32 }
  })
  const states = { before: steps[0].leaf.stateBefore, after: steps[steps.length - 1].leaf.stateAfter }
  return leafOf(index, states, { steps: contents, commitEvery })
}

const emptyLeaves = (from: number, total: number): Step[] =>
  Array.from({ length: total - from }, (_, i) => ({
    index: from + i,
    stateBefore: ZERO32,
    inputs: ZERO32,
    values: ZERO32,
    stateAfter: ZERO32,
    outputs: ZERO32,
  }))

/** The trace of a leaf behind a refusal: nothing was computed, and a provider that is asked for it says so. */
function nothingAt(leaf: number, { work, commitEvery }: Omit<Running, 'runtime'>): Retraced {
  const count = Math.min(commitEvery, work.inputs.length - leaf * commitEvery)
  return {
    steps: Array.from({ length: count }, (_, i) => emptyStep(leaf * commitEvery + i)),
    refusal: undefined,
  }
}

/** Goes on from the nearest state that was kept. */
async function retraceFrom(states: States, leaf: number, { work, runtime, commitEvery }: Running): Promise<Retraced> {
  const { program, inputs } = work
  const near = Math.max(...[...states.keys()].filter((at) => at <= leaf))
  let state = states.get(near)!
  const session = await runtime.open(program, state)
  try {
    for (let at = near; at < leaf; at++)
      state = (await replayLeaf(session, { leaf: at, commitEvery, inputs, state })).state
  } finally {
    await session.close()
  }
  return retrace(program, runtime, { leaf, commitEvery, inputs, state })
}
