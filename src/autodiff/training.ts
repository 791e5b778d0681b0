/**
 * Training programs: (parameters, optimizer state, batch, targets, step number) -> (the same after the step, loss, metrics).
 * They are programs like any other: runtimes run them, traces commit to them, and the state that they carry is what they train.
 * @module
 */
import { demand } from '../core/faults.js'
import { allocate, isFloat, sizeOf, type Tensor } from '../core/tensor.js'
import { Builder, type Ref } from '../exact/builder.js'
import { compile, type CompileOptions, type Compiled } from '../exact/compile.js'
import { inputsOf, parametersOf, type Program } from '../exact/program.js'
import type { Model } from '../onnx/graph.js'
import { graft } from './graft.js'
import { LOSSES, type Loss, type Metric } from './losses.js'
import { clipped, type Optimizer, type Updated } from './optimizers.js'
import { reverse } from './reverse.js'

/** How to train. */
export interface TrainingOptions {
  /** The loss or its name. */
  readonly loss: Loss | string
  readonly optimizer: Optimizer
  /** Name of the model's output that is trained; its first one if this is left out. */
  readonly output?: string
  readonly metrics?: readonly Metric[]
  /** Largest common norm of all gradients; they are scaled down to it. */
  readonly clipNorm?: number
  /**
   * Which parameters are trained; the others are frozen. If this is left out all but those of rank 0, since exporters write constant
   * factors as such; so too where it gives undefined.
   */
  readonly trainable?: (name: string) => boolean | undefined
  /** Outputs of the model that become the next value of a parameter, such as running statistics: parameter name -> output name. */
  readonly running?: Readonly<Record<string, string>>
  /** For a model that is not compiled yet. */
  readonly compile?: CompileOptions
}

/** A training program with the state to begin from. */
export interface Training {
  /** Inputs: the model's, then `targets` and `step` (int64, rank 0). Outputs: `loss`, then the metrics. */
  readonly program: Program
  /** The model's parameters in their order, then the optimizer's tensors, zeros. */
  readonly state: readonly Tensor[]
  /** Names of the parameters that the steps change by their gradients. */
  readonly trained: readonly string[]
}

/**
 * The training program of a model. Parameters that the loss does not depend on are frozen.
 * @throws Fault `autodiff/nothing-to-train`, `autodiff/no-gradient`, `autodiff/bad-option`, and those of compiling.
 */
export function from(subject: Model | Compiled, options: TrainingOptions): Training {
  const { program, state } = 'program' in subject ? subject : compile(subject, options.compile)
  const forward = forwardOf(program, options)
  const b = new Builder()
  const parameters = parametersOf(program).map((_, i) => b.parameter(program.names.parameters[i], state[i]))
  const inputs = inputsOf(forward).map((type, i) => b.input(forward.names.inputs[i], type))
  const step = b.cast(b.input('step', { dtype: 'int64', dims: [] }), 'float32')
  const refs = graft(b, forward, [...parameters, ...inputs])
  const trained = gradientsOf(b, { program: forward, refs }, options)
  const slots = trained.map(({ parameter, name }) => slotsOf(b, parameter, { name, optimizer: options.optimizer }))
  const updates = updatesOf(b, { trained, slots: slots.map((own) => own.map(({ ref }) => ref)), step }, options)
  const reported = 1 + (options.metrics?.length ?? 0)
  const named = new Map(forward.names.outputs.map((name, i) => [name, refs[forward.outputs[i]]]))
  const running = Object.keys(options.running ?? {}).map(
    (name) => [parameters[program.names.parameters.indexOf(name)], named.get(`running ${name}`)!] as const,
  )
  const { program: made } = b.finish({
    outputs: forward.names.outputs.slice(0, reported).map((name, i) => [name, refs[forward.outputs[i]]] as const),
    carries: [
      ...trained.flatMap(({ parameter }, i) =>
        carriesOf({ parameter, slots: slots[i].map(({ ref }) => ref) }, updates[i]),
      ),
      ...running,
    ],
    keep: parameters,
  })
  return {
    program: made,
    state: [...state, ...slots.flat().map(({ initial }) => initial)],
    trained: trained.map(({ name }) => name),
  }
}

/** The model with loss and metrics on top: outputs `loss`, metrics, then the next running values. */
function forwardOf(program: Program, options: TrainingOptions): Program {
  const loss = typeof options.loss === 'string' ? LOSSES.get(options.loss) : options.loss
  demand(loss !== undefined, 'autodiff/bad-option', () => 'no loss of this name', {
    found: options.loss,
    expected: [...LOSSES.keys()].join(', '),
  })
  const b = new Builder()
  const parameters = parametersOf(program).map((type, i) => b.parameter(program.names.parameters[i], empty(type)))
  const inputs = inputsOf(program).map((type, i) => b.input(program.names.inputs[i], type))
  const refs = graft(b, program, [...parameters, ...inputs])
  const outputOf = (name: string) => {
    const at = program.names.outputs.indexOf(name)
    demand(at >= 0, 'autodiff/bad-option', () => `the model has no output "${name}"`)
    return refs[program.outputs[at]]
  }
  const output = outputOf(options.output ?? program.names.outputs[0])
  const targets = b.input('targets', loss.targets(output))
  const metrics = (options.metrics ?? []).map((metric) => [metric.name, metric.compute(b, output, targets)] as const)
  const running = Object.entries(options.running ?? {}).map(([name, from]) => {
    demand(program.names.parameters.includes(name), 'autodiff/bad-option', () => `the model has no parameter "${name}"`)
    return [`running ${name}`, outputOf(from)] as const
  })
  const outputs = [['loss', loss.compute(b, output, targets)] as const, ...metrics, ...running]
  return b.finish({ outputs, keep: parameters }).program
}

const empty = ({ dtype, dims }: { dtype: Tensor['dtype']; dims: readonly number[] }): Tensor => ({
  dtype,
  dims,
  data: allocate(dtype, 0),
})

interface Trained {
  readonly name: string
  readonly parameter: Ref
  readonly gradient: Ref
}

/** The parameters that are trained, with their gradients. */
function gradientsOf(
  b: Builder,
  built: { program: Program; refs: readonly Ref[] },
  options: TrainingOptions,
): Trained[] {
  const { names, outputs } = built.program
  const chosen = names.parameters
    .map((_, i) => i)
    .filter((i) => {
      const name = names.parameters[i]
      return (
        isFloat(built.refs[i].dtype) &&
        (options.trainable?.(name) ?? built.refs[i].dims.length > 0) &&
        !Object.hasOwn(options.running ?? {}, name)
      )
    })
  const gradients = reverse(b, built, { of: outputs[0], by: chosen })
  const found = chosen.flatMap((i, k): Trained[] => {
    const gradient = gradients[k]
    return gradient === undefined ? [] : [{ name: names.parameters[i], parameter: built.refs[i], gradient }]
  })
  demand(found.length > 0, 'autodiff/nothing-to-train', () => 'no gradient reaches a parameter that may be trained')
  if (options.clipNorm === undefined) return found
  const limited = clipped(
    b,
    found.map(({ gradient }) => gradient),
    options.clipNorm,
  )
  return found.map((one, i) => ({ ...one, gradient: limited[i] }))
}

interface Slot {
  readonly ref: Ref
  readonly initial: Tensor
}

/** The optimizer's tensors of one parameter: `mean of fc.weight` and so on, zeros in its type and shape. */
function slotsOf(
  b: Builder,
  { dtype, dims }: Ref,
  { name, optimizer }: { name: string; optimizer: Optimizer },
): Slot[] {
  return optimizer.slots.map((slot) => {
    const initial: Tensor = { dtype, dims, data: allocate(dtype, sizeOf(dims)) }
    return { ref: b.parameter(`${slot} of ${name}`, initial), initial }
  })
}

function updatesOf(
  b: Builder,
  { trained, slots, step }: { trained: readonly Trained[]; slots: readonly (readonly Ref[])[]; step: Ref },
  { optimizer }: TrainingOptions,
): Updated[] {
  const update = optimizer.at(b, step)
  return trained.map(({ parameter, gradient }, i) => update({ parameter, gradient, slots: slots[i] }))
}

/** Every tensor that the step replaces, with what replaces it. */
function carriesOf(before: Updated, after: Updated): (readonly [Ref, Ref])[] {
  return [[before.parameter, after.parameter], ...before.slots.map((slot, i) => [slot, after.slots[i]] as const)]
}

/**
 * The state for a program that shares parameters with the trained one, found by name: the trained model from a training state.
 * @throws Fault `autodiff/bad-option` where a parameter is missing.
 */
export function stateFor(program: Program, training: Program, state: readonly Tensor[]): Tensor[] {
  return program.names.parameters.map((name) => {
    const at = training.names.parameters.indexOf(name)
    demand(at >= 0, 'autodiff/bad-option', () => `the trained program has no parameter "${name}"`)
    return state[at]
  })
}
