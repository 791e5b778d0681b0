/**
 * Witnesses: the values of all wires of a compiled circuit, computed from named inputs by the WebAssembly that the compiler made.
 * Source: the interface of circom's witness generators (init, setInputSignal, getWitness), version 2.
 * @module
 */
import { Fault, demand } from '../core/faults.js'
import type { Tensor } from '../core/tensor.js'
import type { Circuit } from './circuit.js'
import { integersOf } from './commit.js'
import { ORDER, reduce } from './field.js'
import { positionBits, type Samples } from './samples.js'

/** Input wires by name, in row-major order. */
export type Signals = Readonly<Record<string, readonly bigint[]>>

/** A witness generator that stands ready. */
export interface Generator {
  /** The value of every wire. @throws Fault `zk/no-witness` where a hint or a constraint of the circuit does not hold for these inputs. */
  witness(signals: Signals): bigint[]
}

interface Exports {
  readonly memory: WebAssembly.Memory
  init(sanity: number): void
  getInputSignalSize(high: number, low: number): number
  setInputSignal(high: number, low: number, position: number): void
  getWitnessSize(): number
  getWitness(at: number): void
  getFieldNumLen32(): number
  readSharedRWMemory(at: number): number
  writeSharedRWMemory(at: number, value: number): void
}

/** FNV-1a of 64 bits: how a generator looks its inputs up. */
function nameHash(name: string): [number, number] {
  let hash = 0xcbf29ce484222325n
  for (let i = 0; i < name.length; i++) hash = BigInt.asUintN(64, (hash ^ BigInt(name.charCodeAt(i))) * 0x100000001b3n)
  return [Number(hash >> 32n), Number(hash & 0xffffffffn)]
}

const WORDS = 8

/** Error codes of generators. */
const REASONS: Readonly<Record<number, string>> = {
  1: 'an input that the circuit does not have',
  2: 'too many inputs set',
  3: 'an input set twice',
  4: 'a constraint does not hold',
  5: 'not enough memory',
  6: 'an array read beyond its end',
}

/** Loads a witness generator. Cost: some milliseconds, more for large circuits. @throws Fault `zk/no-witness`. */
export async function generator(wasm: Uint8Array): Promise<Generator> {
  const refuse = (code: number): never => {
    throw new Fault('zk/no-witness', REASONS[code] ?? `error ${code} of the generator`)
  }
  const nothing = () => {}
  const runtime = {
    exceptionHandler: refuse,
    printErrorMessage: nothing,
    writeBufferMessage: nothing,
    showSharedRWMemory: nothing,
  }
  const module = await WebAssembly.compile(wasm as BufferSource)
  const instance = await WebAssembly.instantiate(module, { runtime })
  const made = instance.exports as unknown as Exports
  demand(made.getFieldNumLen32() === WORDS, 'zk/bad-r1cs', () => 'a generator of another field')
  return { witness: (signals) => run(made, signals) }
}

function run(made: Exports, signals: Signals): bigint[] {
  made.init(0)
  for (const [name, values] of Object.entries(signals)) setInput(made, name, values)
  return Array.from({ length: made.getWitnessSize() }, (_, i) => {
    made.getWitness(i)
    let value = 0n
    for (let k = WORDS - 1; k >= 0; k--) value = (value << 32n) | BigInt(made.readSharedRWMemory(k) >>> 0)
    return value
  })
}

function setInput(made: Exports, name: string, values: readonly bigint[]): void {
  const [high, low] = nameHash(name)
  const size = made.getInputSignalSize(high, low)
  demand(size === values.length, 'zk/bad-length', () => `input ${name}`, { expected: size, found: values.length })
  values.forEach((value, position) => {
    let rest = reduce(value)
    for (let k = 0; k < WORDS; k++, rest >>= 32n) made.writeSharedRWMemory(k, Number(rest & 0xffffffffn))
    made.setInputSignal(high, low, position)
  })
}

/** What a witness of a program's circuit follows from. */
export interface Step {
  /** The state before; not read where weights are baked. */
  readonly state: readonly Tensor[]
  readonly inputs: readonly Tensor[]
  /** What the proof is bound to (docs/zk.md): below the order of the field. */
  readonly context: bigint
  /** Where the inputs' rows stand in a data set, for circuits with `members`. */
  readonly samples?: Samples
  readonly salts?: { readonly inputs?: bigint; readonly model?: bigint; readonly outputs?: bigint }
}

/** The integers of a tensor, within what the circuit checks. */
function wiresOf({ program, given }: Circuit, value: Tensor, number: number): bigint[] {
  const { counts, names, values } = program
  const name = number < counts.parameters ? names.parameters[number] : names.inputs[number - counts.parameters]
  const type = values[number]
  const fits = value.dtype === type.dtype && `${value.dims}` === `${type.dims}`
  demand(fits, 'zk/bad-length', () => `another type than that of "${name}"`)
  const integers = integersOf(value)
  const { lo, hi } = given[name]
  demand(
    integers.every((each) => each >= lo && each <= hi),
    'zk/out-of-range',
    () => `"${name}" leaves ${lo} .. ${hi}`,
  )
  return integers
}

const demandCount = (tensors: readonly Tensor[], expected: number): void =>
  demand(tensors.length === expected, 'zk/bad-length', () => 'tensors', { expected, found: tensors.length })

/**
 * The input wires of a step.
 * @throws Fault `zk/out-of-range` where a value leaves the interval that the circuit was made for, `zk/bad-length` where tensors, salts or
 *   samples are missing or of another type, `zk/not-in-field`.
 */
export function signalsOf(circuit: Circuit, { state, inputs, context, samples, salts = {} }: Step): Signals {
  const { program, baked, salted, members } = circuit
  demand(context >= 0n && context < ORDER, 'zk/not-in-field', () => 'the context')
  const { parameters } = program.counts
  const given: Record<string, bigint[]> = { context: [context] }
  demandCount(inputs, program.counts.inputs)
  inputs.forEach((value, i) => (given[`x${parameters + i}`] = wiresOf(circuit, value, parameters + i)))
  if (!baked) {
    demandCount(state, parameters)
    state.forEach((value, i) => (given[`p${i}`] = wiresOf(circuit, value, i)))
  }
  if (members !== undefined) {
    demand(samples !== undefined, 'zk/bad-length', () => 'the circuit asks for samples of a data set')
    given.siblings = samples!.siblings.flat()
    given.position = positionBits(members, samples!)
  }
  const named = [
    ['saltIn', salted.inputs, salts.inputs],
    ['saltOut', salted.outputs, salts.outputs],
    ['saltModel', salted.model && !baked, salts.model],
  ] as const
  for (const [name, wanted, salt] of named) {
    demand(!wanted || salt !== undefined, 'zk/bad-length', () => `the circuit asks for ${name}`)
    if (wanted) given[name] = [salt!]
  }
  return given
}
