/**
 * A provider's runtime that computes one element falsely and goes on from there as it should, so that everything it commits fits together.
 * @module
 */
import { Program, Runtime, Tensor } from 'countersign'

/** Where to lie, in steps that are told their number by their last input. */
export interface Lie {
  readonly step: number
  /** The value of the program. */
  readonly value: number
  readonly element: number
  /** What is added to the element. */
  readonly by: number
}

/** The runtime of a liar. */
export function liar(lie: Lie): Runtime.Runtime {
  const honest = Runtime.reference()
  return {
    ...honest,
    open: async (program, state, { record } = {}) => sessionOf(program, { state, lie, all: record === 'all' }),
  }
}

function sessionOf(
  program: Program.Program,
  { state: start, lie, all }: { state: readonly Tensor.Tensor[]; lie: Lie; all: boolean },
): Runtime.Session {
  let state = start
  return {
    program,
    get state() {
      return state
    },
    async step(inputs) {
      const values = valuesOf(program, [...state, ...inputs], lie)
      state = state.map((value, parameter) => {
        const carry = program.carries.find((one) => one.parameter === parameter)
        return carry === undefined ? value : values[carry.value]
      })
      return { outputs: program.outputs.map((number) => values[number]), values: all ? values : undefined }
    },
    async restart(next) {
      state = next
    },
    async close() {},
  }
}

/** All values of a step. */
function valuesOf(program: Program.Program, given: readonly Tensor.Tensor[], lie: Lie): Tensor.Tensor[] {
  const lies = Number(given[given.length - 1].data[0]) === lie.step
  const values: Tensor.Tensor[] = []
  program.values.forEach((value, number) => {
    const honest =
      value.kind === 'node' ? nodeOf(value, values) : value.kind === 'constant' ? value.tensor : given[number]
    values.push(lies && number === lie.value ? falsified(honest, lie) : honest)
  })
  return values
}

function nodeOf(node: Program.NodeValue, values: readonly Tensor.Tensor[]): Tensor.Tensor {
  const operands = node.inputs.filter((input) => input !== Program.ABSENT).map((input) => values[input])
  const { evaluate } = Program.OPS.find(({ name }) => name === node.op)!
  return { dtype: node.dtype, dims: node.dims, data: evaluate(operands, node.attributes, node) }
}

function falsified({ dtype, dims, data }: Tensor.Tensor, { element, by }: Lie): Tensor.Tensor {
  const changed = Float32Array.from(data as Float32Array)
  changed[element] += by
  return { dtype, dims, data: changed }
}
