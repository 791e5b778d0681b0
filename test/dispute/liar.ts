/**
 * Providers that lie: in one element of one value of one step, and then go on honestly from their lie, so that everything they commit fits together.
 * @module
 */
import { ZERO32, type Bytes32 } from '../../src/core/bytes.js'
import type { Tensor } from '../../src/core/tensor.js'
import type { OwnRun } from '../../src/dispute/book.js'
import { retrace, type Retraced, type TracedStep } from '../../src/dispute/retrace.js'
import { ABSENT, nextState, type NodeValue, type Program } from '../../src/exact/program.js'
import { evaluate, reference } from '../../src/runtime/reference.js'
import { demandNumbers, type Runtime, type Session } from '../../src/runtime/runtime.js'
import type { Claim } from '../../src/receipt/claim.js'
import { leafOf, runRoot, type Step } from '../../src/trace/step.js'
import type { Work } from '../../src/trace/trace.js'

/** Where to lie. */
export interface Lie {
  readonly step: number
  readonly value: number
  readonly element: number
  /** Bits of the element that are flipped; bit 0 unless told. */
  readonly flip?: number
}

/** A tensor with some bits of one element flipped. */
export function flipped({ dtype, dims, data }: Tensor, element: number, bits = 1): Tensor {
  const bytes = new Uint8Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer)
  const width = data.BYTES_PER_ELEMENT
  for (let i = 0; i < width && i < 4; i++) bytes[element * width + i] ^= (bits >>> (8 * i)) & 0xff
  const Type = data.constructor as new (buffer: ArrayBuffer) => Tensor['data']
  return { dtype, dims, data: new Type(bytes.buffer) }
}

/** A runtime that lies, for a session that begins at this step of the run. */
export function lyingRuntime(lie: Lie, first: number): Runtime {
  const honest = reference()
  return {
    name: 'liar',
    describe: () => honest.describe(),
    open: async (program, state) => lyingSession(program, state, { lie, first }),
  }
}

function lyingSession(
  program: Program,
  start: readonly Tensor[],
  { lie, first }: { lie: Lie; first: number },
): Session {
  let [state, done] = [start, 0]
  return {
    program,
    get state() {
      return state
    },
    async step(inputs) {
      const lies = first + done++ === lie.step
      const values: Tensor[] = []
      const given = [...state, ...inputs]
      program.values.forEach((value, number) => {
        const honest =
          value.kind === 'constant'
            ? value.tensor
            : value.kind === 'node'
              ? nodeAt(program, number, values)
              : given[number]
        values.push(lies && number === lie.value ? flipped(honest, lie.element, lie.flip) : honest)
      })
      demandNumbers(program, (number) => values[number])
      state = nextState(program, state, ({ value }) => values[value])
      return { outputs: program.outputs.map((number) => values[number]), values }
    },
    async restart(next) {
      state = next
    },
    async close() {},
  }
}

function nodeAt(program: Program, number: number, values: readonly Tensor[]): Tensor {
  const { inputs } = program.values[number] as NodeValue
  return evaluate(
    program,
    number,
    inputs.filter((input) => input !== ABSENT).map((input) => values[input]),
  )
}

/** What a liar commits: every leaf of its run with the values behind it. */
export async function lyingRun(
  work: Work,
  lie: Lie,
  { commitEvery = 1, operatorTrace = false }: { commitEvery?: number; operatorTrace?: boolean } = {},
): Promise<OwnRun> {
  const { program, inputs } = work
  const traces: Retraced[] = []
  let state = work.state
  for (let leaf = 0; leaf * commitEvery < inputs.length; leaf++) {
    const runtime = lyingRuntime(lie, leaf * commitEvery)
    const traced = await retrace(program, runtime, { leaf, commitEvery, inputs, state })
    traces.push(traced)
    state = traced.steps[traced.steps.length - 1].after
  }
  const leaves = traces.map(({ steps }, index) => leafFrom(index, steps, { commitEvery, operatorTrace }))
  return { program, commitEvery, inputs, leaves, refusal: undefined, retrace: async (leaf) => traces[leaf] }
}

/** The leaf of the run over steps that were traced. */
export function leafFrom(
  index: number,
  steps: readonly TracedStep[],
  { commitEvery, operatorTrace }: { commitEvery: number; operatorTrace: boolean },
): Step {
  const contents = steps.map(({ leaf }) => (operatorTrace ? leaf : { ...leaf, values: ZERO32 }))
  const states = { before: steps[0].leaf.stateBefore, after: steps[steps.length - 1].leaf.stateAfter }
  return leafOf(index, states, { steps: contents, commitEvery })
}

/** The claim about a run, whoever made it. */
export async function claimOn({ leaves, retrace: again }: OwnRun, job: Bytes32): Promise<Claim> {
  const { steps } = await again(leaves.length - 1)
  const last = steps[steps.length - 1].leaf
  return { job, outputs: last.outputs, finalState: last.stateAfter, run: runRoot(leaves) }
}
