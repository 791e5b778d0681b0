/**
 * Lowers a program to standard ONNX models of nodes whose results do not depend on the platform.
 *
 * Data flow: (fixed parameters) -> prepare model -> weights on their grids -> step model (inputs, carried parameters) -> values + suspicions.
 * @module
 */
import { DTYPES, type DType, type Tensor } from '../core/tensor.js'
import { encode } from '../onnx/encode.js'
import { modelFrom, protoOf, type Attribute, type Graph, type Model, type Node, type ValueInfo } from '../onnx/graph.js'
import { Emitter, carrierOf, type EmittedAttribute, type EmittedNode } from './emitter.js'
import { opOf } from './ops/index.js'
import { emitMayHoldNaN } from './ops/nan.js'
import { ABSENT, type NodeValue, type Program } from './program.js'

/** IR and opset versions of lowered models: the newest that ONNX Runtime 1.30 takes (BitCast is of opset 26). */
const LOWERED = { irVersion: 13, opset: 26 } as const

/** A named boundary value of a lowered model. */
export interface Port {
  readonly name: string
  /** Type on the wire: 16-bit floats as uint16. */
  readonly dtype: DType
  readonly dims: readonly number[]
}

/** A program as standard ONNX. */
export interface Lowered {
  /** Computes what follows from the fixed parameters alone; undefined where nothing does. */
  readonly prepare:
    { readonly model: Uint8Array; readonly inputs: readonly number[]; readonly outputs: readonly string[] } | undefined
  /** Bytes of the step model, given the results of `prepare` by name. */
  step(weights: ReadonlyMap<string, Tensor>): Uint8Array
  /** Name in the step model of every program value that is fed: inputs and carried parameters, by number. */
  readonly feeds: ReadonlyMap<number, string>
  /** Name of each recorded value, by number. A value that is itself fed, fixed or constant is not among them. */
  readonly fetches: ReadonlyMap<number, string>
  /** Suspicions, the elements of the output of this name: nodes with fault points in program order, then results that may hold a NaN. */
  readonly faults:
    { readonly name: string; readonly nodes: readonly number[]; readonly results: readonly number[] } | undefined
}

/** What to lower a program for. */
export interface LowerOptions {
  /** Numbers of the values that a run must return. */
  readonly record: readonly number[]
  /** Numbers of the values among them that may hold no NaN. Default: none. */
  readonly numbers?: readonly number[]
  /** Products of few rows with fixed weights as integer products of digits (ops/products.ts). Default: false. */
  readonly digits?: boolean
}

const valueName = (number: number) => `v${number}`

/** The lowering of a program. Parameters that no step changes are fixed. */
export function lower(program: Program, { record, numbers = [], digits }: LowerOptions): Lowered {
  const g = new Emitter({ digits })
  const carried = new Set(program.carries.map((carry) => carry.parameter))
  const fixed: number[] = []
  const feeds = new Map<number, string>()
  const { names, suspicions } = emitValues(g, program, (number) => {
    if (program.values[number].kind === 'parameter' && !carried.has(number)) {
      fixed.push(number)
      g.fix(valueName(number))
    } else feeds.set(number, valueName(number))
  })
  suspicions.push(...emitResultSuspicions(g, { program, names, numbers }))
  const faults = emitFaults(g, suspicions)
  const fetches = new Map(record.filter((n) => program.values[n].kind === 'node').map((n) => [n, names[n]]))
  return assemble({ g, program, fixed, feeds, fetches, faults })
}

/** Emits every value of a program and the suspicions of its fault points; `outside` is told of parameters and inputs, in order. */
function emitValues(g: Emitter, program: Program, outside: (number: number) => void) {
  const names: string[] = []
  const suspicions: Suspicion[] = []
  program.values.forEach((value, number) => {
    if (value.kind === 'constant') return void names.push(g.constant(value.tensor))
    if (value.kind !== 'node') {
      outside(number)
      return void names.push(valueName(number))
    }
    const inputs = value.inputs.map((input) => (input === ABSENT ? '' : names[input]))
    const node = {
      attributes: value.attributes,
      inputs: value.inputs.filter((i) => i !== ABSENT).map((i) => program.values[i]),
      output: value,
    }
    const row = opOf(value.op)
    const suspicion = row.faults?.suspect(g, inputs, node) ?? ''
    if (suspicion !== '') suspicions.push({ kind: 'nodes', number, name: suspicion })
    names.push(row.lower(g, inputs, node))
  })
  return { names, suspicions }
}

/** Emits the search for NaN in results. */
function emitResultSuspicions(
  g: Emitter,
  { program, names, numbers }: { program: Program; names: readonly string[]; numbers: readonly number[] },
): Suspicion[] {
  return [...new Set(numbers)].flatMap((number): Suspicion[] => {
    const value = program.values[number]
    const name = value.kind === 'node' ? emitMayHoldNaN(g, names[number], value) : ''
    return name === '' ? [] : [{ kind: 'results', number, name }]
  })
}

interface Suspicion {
  readonly kind: 'nodes' | 'results'
  readonly number: number
  /** A bool vector of one element. */
  readonly name: string
}

/** One int32 vector: a one for every fault that may have been met. */
function emitFaults(g: Emitter, suspicions: readonly Suspicion[]): Lowered['faults'] {
  if (suspicions.length === 0) return undefined
  const flags = g.concat(
    suspicions.map(({ name }) => name),
    0,
  )
  const of = (wanted: Suspicion['kind']) => suspicions.filter(({ kind }) => kind === wanted).map(({ number }) => number)
  return { name: g.cast(flags, 'int32'), nodes: of('nodes'), results: of('results') }
}

interface Parts {
  readonly g: Emitter
  readonly program: Program
  readonly fixed: readonly number[]
  readonly feeds: ReadonlyMap<number, string>
  readonly fetches: ReadonlyMap<number, string>
  readonly faults: Lowered['faults']
}

function assemble({ g, program, fixed, feeds, fetches, faults }: Parts): Lowered {
  const roots = [...new Set([...fetches.values(), ...(faults ? [faults.name] : [])])]
  const live = liveNodes(g.nodes, roots)
  const before = live.filter((node) => node.fixed)
  const during = live.filter((node) => !node.fixed)
  const needed = new Set([...during.flatMap((node) => node.inputs), ...roots])
  const made = new Set(before.flatMap((node) => node.outputs))
  const boundary = [...made].filter((name) => needed.has(name))
  const direct = fixed.filter((number) => needed.has(valueName(number)))
  const port = (number: number): Port => ({
    name: valueName(number),
    dtype: carrierOf(program.values[number].dtype),
    dims: program.values[number].dims,
  })
  const passed = [...boundary, ...direct.map(valueName)]
  const used = fixed.filter(
    (number) => before.some((node) => node.inputs.includes(valueName(number))) || direct.includes(number),
  )
  const prepare =
    passed.length === 0
      ? undefined
      : {
          model: encode(modelOf({ nodes: before, inputs: used.map(port), outputs: passed, g })),
          inputs: used,
          outputs: passed,
        }
  const inputs = [...feeds.keys()].map(port)
  return {
    prepare,
    step: (weights) => encode(modelOf({ nodes: during, inputs, outputs: roots, g, weights })),
    feeds,
    fetches,
    faults,
  }
}

function liveNodes(nodes: readonly EmittedNode[], roots: readonly string[]): EmittedNode[] {
  const needed = new Set(roots)
  const live: EmittedNode[] = []
  for (let i = nodes.length - 1; i >= 0; i--) {
    if (!nodes[i].outputs.some((name) => needed.has(name))) continue
    live.push(nodes[i])
    for (const input of nodes[i].inputs) needed.add(input)
  }
  return live.reverse()
}

function modelOf({
  nodes,
  inputs,
  outputs,
  g,
  weights,
}: {
  nodes: readonly EmittedNode[]
  inputs: readonly Port[]
  outputs: readonly string[]
  g: Emitter
  weights?: ReadonlyMap<string, Tensor>
}): Model {
  const used = new Set([...nodes.flatMap((node) => node.inputs), ...outputs])
  const held = [...g.initializers, ...(weights ?? [])].filter(([name]) => used.has(name))
  // Initializers that are also inputs are overridable: no optimizer may treat them as known, so no constant is folded or deleted.
  // Digits of weights (products.ts) are the exception: ONNX Runtime packs for its integer products what it knows.
  const overridable = held
    .filter(([name, { dtype }]) => !(dtype === 'int8' && weights?.has(name)))
    .map(([name, value]): ValueInfo => portInfo({ name, dtype: value.dtype, dims: value.dims }))
  const graph: Graph = {
    name: 'countersign',
    nodes: nodes.map(nodeOf),
    inputs: [...inputs.map(portInfo), ...overridable],
    outputs: outputs.map((name) => ({ name, kind: 'unknown', dtype: 0, dims: undefined })),
    initializers: new Map(held.map(([name, value]) => [name, protoOf(value, name)])),
    valueInfo: [],
  }
  const { irVersion, opset } = LOWERED
  return modelFrom({ irVersion, opsets: new Map([['', opset]]), graph })
}

const portInfo = ({ name, dtype, dims }: Port): ValueInfo => ({ name, kind: 'tensor', dtype: DTYPES[dtype].code, dims })

function nodeOf(node: EmittedNode): Node {
  const attributes = new Map(Object.entries(node.attributes).map(([name, value]) => [name, attributeOf(value)]))
  return {
    name: node.outputs[0],
    op: node.op,
    domain: '',
    overload: '',
    inputs: node.inputs,
    outputs: node.outputs,
    attributes,
  }
}

function attributeOf(value: EmittedAttribute): Attribute {
  if (typeof value === 'number') return { kind: 'int', value: BigInt(value) }
  if (typeof value === 'string') return { kind: 'string', value: new TextEncoder().encode(value) }
  if ('float' in value) return { kind: 'float', value: value.float }
  return { kind: 'ints', value: value.map(BigInt) }
}

/**
 * A step of a program as one standard ONNX model that anybody can run: (inputs, carried parameters) by their names -> outputs by their
 * names, `next <parameter>` for every carried one, and `suspicions`, an int32 vector of zeros unless a fault point may have been met.
 * The other parameters are initializers. At optimization level "disabled" it gives the bits of the program. 16-bit floats travel as uint16.
 */
export function standalone(program: Program, state: readonly Tensor[]): Model {
  const boundary = [...program.names.parameters, ...program.names.inputs, ...program.names.outputs]
  const g = new Emitter({ digits: false, prefix: foreignPrefix(boundary) })
  const results = [...program.outputs, ...program.carries.map((carry) => carry.value)]
  const { names, suspicions } = emitValues(g, program, () => undefined)
  suspicions.push(...emitResultSuspicions(g, { program, names, numbers: results }))
  const faults = emitFaults(g, suspicions)
  const { parameters, inputs } = program.counts
  const taken = new Set<string>()
  const outside = [...program.names.parameters, ...program.names.inputs].map((name) => unused(name, taken))
  const carried = program.carries.map(({ parameter }) => parameter)
  const fixed = state.map((_, i) => i).filter((i) => !carried.includes(i))
  const nexts = carried.map((parameter) => `next ${program.names.parameters[parameter]}`)
  const outputs = [...program.names.outputs, ...nexts].map((name) => unused(name, taken))
  const given = new Map(outside.map((name, number) => [valueName(number), name]))
  const rename = (name: string) => given.get(name) ?? name
  const copies = [...results.map((number) => names[number]), ...(faults ? [faults.name] : [])]
  const ends = faults ? [...outputs, unused('suspicions', taken)] : outputs
  const live = liveNodes(g.nodes, copies)
  const identities = ends.map((name, i): EmittedNode => ({
    op: 'Identity',
    inputs: [copies[i]],
    outputs: [name],
    attributes: {},
    fixed: false,
  }))
  const port = (number: number): Port => ({
    name: outside[number],
    dtype: carrierOf(program.values[number].dtype),
    dims: program.values[number].dims,
  })
  return modelOf({
    nodes: [...live, ...identities].map((node) => ({ ...node, inputs: node.inputs.map(rename) })),
    inputs: [...Array.from({ length: inputs }, (_, i) => parameters + i), ...carried].map(port),
    outputs: ends,
    g,
    weights: new Map(fixed.map((i) => [outside[i], { ...state[i], dtype: carrierOf(state[i].dtype) }])),
  })
}

/** Slashes that none of the names begins with. */
function foreignPrefix(names: readonly string[]): string {
  let prefix = '/'
  while (names.some((name) => name.startsWith(prefix))) prefix += '/'
  return prefix
}

/** The name, or the next like it that is not taken; it is taken then. */
function unused(name: string, taken: Set<string>): string {
  let free = name === '' ? 'unnamed' : name
  while (taken.has(free)) free += "'"
  taken.add(free)
  return free
}

/** The node at this number. */
export const nodeAt = (program: Program, number: number): NodeValue => program.values[number] as NodeValue
