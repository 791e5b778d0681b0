/**
 * Compiles an ONNX graph for concrete shapes into a program of exact ops. What the operator table does not cover is refused with its name.
 * @module
 */
import { isFloat, sizeOf, type DType, type Tensor, type TensorType } from '../core/tensor.js'
import { Fault, demand, throwIfAborted } from '../core/faults.js'
import { dtypeOf } from '../core/tensor.js'
import {
  tensorOf,
  typeName,
  type Attribute,
  type FunctionProto,
  type Graph,
  type Model,
  type Node,
  type ValueInfo,
} from '../onnx/graph.js'
import { Builder, type Ref } from './builder.js'
import type { NodeView } from './operator.js'
import { rowOf } from './operators/index.js'
import type { Program } from './program.js'

/** What compiling needs to know beside the file. */
export interface CompileOptions {
  /**
   * By name: the tensor of each input (its shape is compiled in; its value only where it decides shapes), or just its type.
   * Inputs whose file type is fully concrete may be left out.
   */
  readonly inputs?: Readonly<Record<string, Tensor | TensorType>>
  /** Called after each node of the file. */
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/** A compiled file. */
export interface Compiled {
  readonly program: Program
  /** The parameters' values in the file, in the program's order. */
  readonly state: readonly Tensor[]
  /** Inputs and initializers that decide shapes, bound as constants of the program. */
  readonly bound: Readonly<Record<string, Tensor>>
}

/** A larger float tensor never decides a shape: depending on it is a data-dependent shape. */
const BINDABLE_FLOATS = 64

const isTensor = (given: Tensor | TensorType): given is Tensor => 'data' in given

/**
 * The program of a model for these inputs.
 * @throws Fault `exact/unsupported-operator`, `exact/unsupported-type`, `exact/dynamic-shape`, `exact/shape-mismatch`,
 *   `exact/missing-input`, `exact/wrong-input`, `exact/too-large`.
 */
export function compile(model: Model, options: CompileOptions = {}): Compiled {
  const bound = new Map<string, Tensor>()
  for (;;) {
    const attempt = new Compilation(model, options, bound)
    const result = attempt.run()
    if (result !== undefined) return { ...result, bound: Object.fromEntries(bound) }
  }
}

/** Thrown to begin again with more names bound. */
class Rebind extends Error {}

type Scope = {
  readonly values: Map<string, Ref>
  readonly outer: Scope | undefined
  readonly opsets: ReadonlyMap<string, number>
  readonly attributes?: ReadonlyMap<string, Attribute>
}

const MAX_DEPTH = 32
/** Function calls and runs of subgraphs: what is unrolled is bounded even where it makes no node. */
const MAX_RUNS = 1 << 18

class Compilation {
  readonly b = new Builder()
  readonly #model: Model
  readonly #options: CompileOptions
  readonly #bound: Map<string, Tensor>
  readonly #functions: ReadonlyMap<string, FunctionProto>
  /** Values given with the inputs and initializers, by Ref id: what may be bound. */
  readonly #given = new Map<number, { name: string; value: Tensor }>()
  /** For each computed value the given ones that it depends on are found by walking these operands. */
  readonly #operands = new Map<number, readonly Ref[]>()
  #depth = 0
  #runs = 0

  constructor(model: Model, options: CompileOptions, bound: Map<string, Tensor>) {
    this.#model = model
    this.#options = options
    this.#bound = bound
    this.#functions = new Map(model.functions.map((f) => [`${f.domain}:${f.name}`, f]))
  }

  /** The program, or undefined where more names had to be bound first. */
  run(): { program: Program; state: Tensor[] } | undefined {
    try {
      const { graph, opsets } = this.#model
      const scope: Scope = { values: new Map(), outer: undefined, opsets }
      this.#initializers(graph, scope, { asParameters: true })
      for (const info of graph.inputs)
        if (!graph.initializers.has(info.name)) scope.values.set(info.name, this.#input(info))
      this.#nodes(graph.nodes, scope, this.#options.onProgress)
      const outputs = graph.outputs.map((info) => [info.name, lookup(scope, info.name)] as const)
      const { program, state } = this.b.finish({ outputs })
      return { program, state: state.map((ref) => this.#given.get(ref.id)!.value) }
    } catch (error) {
      if (error instanceof Rebind) return undefined
      throw error
    }
  }

  #initializers(graph: Graph, scope: Scope, { asParameters }: { asParameters: boolean }): void {
    for (const [name, proto] of graph.initializers) {
      if (dtypeOf(proto.code) === undefined) continue // refused where it is used
      const value = tensorOf(proto)
      const parameter = asParameters && isFloat(value.dtype) && !this.#bound.has(name)
      const ref = parameter ? this.b.parameter(name, value) : this.b.constant(value)
      if (parameter) this.#given.set(ref.id, { name, value })
      scope.values.set(name, ref)
    }
  }

  #input(info: ValueInfo): Ref {
    const fixed = this.#bound.get(info.name)
    if (fixed !== undefined) return this.b.constant(fixed)
    demand(info.kind === 'tensor', 'exact/unsupported-type', () => `input "${info.name}" is a ${info.kind}`)
    const given = this.#options.inputs?.[info.name] ?? concreteType(info)
    demand(
      given !== undefined,
      'exact/missing-input',
      () => `input "${info.name}" has no concrete shape in the file: give it or its type`,
    )
    demandFits(info, given)
    const ref = this.b.input(info.name, given)
    if (isTensor(given)) this.#given.set(ref.id, { name: info.name, value: given })
    return ref
  }

  #nodes(nodes: readonly Node[], scope: Scope, onProgress?: (done: number, total: number) => void): void {
    nodes.forEach((node, i) => {
      throwIfAborted(this.#options.signal)
      this.#node(node, scope)
      onProgress?.(i + 1, nodes.length)
    })
  }

  #node(node: Node, scope: Scope): void {
    const f = this.#functions.get(`${node.domain}:${node.op}`)
    const results = f === undefined ? this.#operator(node, scope) : this.#call(f, node, scope)
    node.outputs.forEach((name, i) => {
      const ref = results[i]
      if (name === '' || ref === undefined) return
      scope.values.set(name, ref)
    })
  }

  #operator(node: Node, scope: Scope): readonly (Ref | undefined)[] {
    const opset = scope.opsets.get(node.domain) ?? (node.domain === '' ? 1 : undefined)
    const where = `${node.domain === '' ? '' : `${node.domain}.`}${node.op}, opset ${opset ?? 'not imported'}, node "${node.name || node.outputs.find((o) => o !== '') || ''}"`
    const row = opset === undefined ? undefined : rowOf(node.domain, node.op, opset)
    demand(row !== undefined, 'exact/unsupported-operator', () => `operator ${where} has no exact decomposition`)
    try {
      const view = this.#view(node, scope, opset!)
      const results = row.decompose(this.b, view)
      this.#remember(results, node, scope)
      return results
    } catch (error) {
      if (!Fault.is(error) || error.detail.where !== undefined) throw error
      throw new Fault(error.code, error.message.replace(` (${error.code})`, ''), {
        ...error.detail,
        where,
        cause: error,
      })
    }
  }

  #remember(results: readonly (Ref | undefined)[], node: Node, scope: Scope): void {
    const operands = node.inputs.filter((name) => name !== '').map((name) => lookup(scope, name))
    for (const ref of results)
      if (ref !== undefined && !this.#operands.has(ref.id) && !operands.some((o) => o.id === ref.id))
        this.#operands.set(ref.id, operands)
  }

  #call(f: FunctionProto, node: Node, scope: Scope): readonly (Ref | undefined)[] {
    const values = new Map<string, Ref>()
    f.inputs.forEach((name, i) => {
      if ((node.inputs[i] ?? '') !== '') values.set(name, lookup(scope, node.inputs[i]))
    })
    const attributes = new Map([...f.defaults, ...node.attributes])
    const inner: Scope = { values, outer: undefined, opsets: f.opsets.size > 0 ? f.opsets : scope.opsets, attributes }
    return this.#nested(() => {
      this.#nodes(
        f.nodes.map((n) => withAttributes(n, attributes)),
        inner,
      )
      return f.outputs.map((name) => inner.values.get(name))
    })
  }

  #nested<T>(body: () => T): T {
    demand(++this.#depth <= MAX_DEPTH, 'onnx/too-deep', () => `functions or subgraphs nested deeper than ${MAX_DEPTH}`)
    demand(++this.#runs <= MAX_RUNS, 'exact/too-large', () => `more than ${MAX_RUNS} calls and iterations`)
    throwIfAborted(this.#options.signal)
    const result = body()
    this.#depth--
    return result
  }

  #subgraph(graph: Graph, inputs: readonly (readonly [string, Ref])[], outer: Scope): Ref[] {
    return this.#nested(() => {
      const scope: Scope = { values: new Map(inputs), outer, opsets: outer.opsets }
      this.#initializers(graph, scope, { asParameters: false })
      this.#nodes(graph.nodes, scope)
      return graph.outputs.map((info) => lookup(scope, info.name))
    })
  }

  /** The value of a Ref, binding what it depends on where that is allowed. */
  #constant(ref: Ref): Tensor {
    if (ref.value !== undefined) return ref.value
    const sources = this.#sources(ref)
    const bindable =
      sources.length > 0 &&
      sources.every((s) => s !== undefined && (!isFloat(s.value.dtype) || sizeOf(s.value.dims) <= BINDABLE_FLOATS))
    demand(
      bindable,
      'exact/dynamic-shape',
      () => 'a shape, axis or count depends on data that is not known when compiling',
    )
    for (const source of sources) this.#bound.set(source!.name, source!.value)
    throw new Rebind()
  }

  #sources(ref: Ref): ({ name: string; value: Tensor } | undefined)[] {
    const found = new Map<number, { name: string; value: Tensor } | undefined>()
    const seen = new Set<number>()
    const pending: Ref[] = [ref]
    while (pending.length > 0) {
      const at = pending.pop()!
      if (seen.has(at.id) || at.value !== undefined) continue
      seen.add(at.id)
      const operands = this.#operands.get(at.id)
      if (this.#given.has(at.id) || operands === undefined) found.set(at.id, this.#given.get(at.id))
      else pending.push(...operands)
    }
    return [...found.values()]
  }

  #view(node: Node, scope: Scope, opset: number): NodeView {
    const attribute = <K extends Attribute['kind']>(name: string, kind: K) => {
      const found = node.attributes.get(name)
      if (found === undefined) return undefined
      demand(found.kind === kind, 'onnx/bad-node', () => `attribute ${name} is a ${found.kind}, not a ${kind}`)
      return found as Extract<Attribute, { kind: K }>
    }
    const need = <T>(value: T | undefined, name: string): T => {
      demand(value !== undefined, 'onnx/bad-node', () => `attribute ${name} is missing`)
      return value
    }
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
    const optional = (index: number) =>
      (node.inputs[index] ?? '') === '' ? undefined : lookup(scope, node.inputs[index])
    const input = (index: number) => {
      const ref = optional(index)
      demand(ref !== undefined, 'onnx/bad-node', () => `operand ${index} is missing`)
      return ref
    }
    const constant = (index: number) => this.#constant(input(index))
    return {
      op: node.op,
      opset,
      outputs: node.outputs,
      inputCount: node.inputs.length,
      optional,
      input,
      constant,
      constantInts: (index) =>
        optional(index) === undefined
          ? undefined
          : Array.from(constant(index).data as Iterable<number | bigint>, Number),
      has: (name) => node.attributes.has(name),
      int: (name, fallback) => {
        const found = attribute(name, 'int')
        const value = need(found === undefined ? fallback : Number(found.value), name)
        demand(Number.isSafeInteger(value), 'onnx/bad-node', () => `attribute ${name} is beyond 2^53`)
        return value
      },
      float: (name, fallback) => need(attribute(name, 'float')?.value ?? fallback, name),
      string: (name, fallback) => {
        const found = attribute(name, 'string')
        return need(found === undefined ? fallback : text(found.value), name)
      },
      ints: (name, fallback) => {
        const found = attribute(name, 'ints')
        const values = need(found === undefined ? fallback : found.value.map(Number), name)
        demand(values.every(Number.isSafeInteger), 'onnx/bad-node', () => `attribute ${name} is beyond 2^53`)
        return values
      },
      bigInts: (name) => need(attribute(name, 'ints')?.value, name),
      floats: (name, fallback) => {
        const found = attribute(name, 'floats')
        return need(found === undefined ? fallback : Array.from(found.value), name)
      },
      strings: (name, fallback) => {
        const found = attribute(name, 'strings')
        return need(found === undefined ? fallback : found.value.map(text), name)
      },
      tensor: (name) => carried(need(attribute(name, 'tensor'), name).value),
      graph: (name) => need(attribute(name, 'graph'), name).value,
      dtype: (name, fallback) => {
        const found = attribute(name, 'int')
        if (found === undefined) return need(fallback, name)
        const dtype = dtypeOf(Number(found.value))
        demand(dtype !== undefined, 'exact/unsupported-type', () => `type ${typeName(Number(found.value))}`)
        return dtype
      },
      subgraph: (graph, inputs) => this.#subgraph(graph, inputs, scope),
      axis: (value, rank) => {
        const axis = value < 0 ? value + rank : value
        demand(axis >= 0 && axis < rank, 'onnx/bad-node', () => `axis ${value} of rank ${rank}`)
        return axis
      },
    }
  }
}

/** A tensor attribute, refused by type where programs do not carry it. */
function carried(proto: Parameters<typeof tensorOf>[0]): Tensor {
  demand(dtypeOf(proto.code) !== undefined, 'exact/unsupported-type', () => `type ${typeName(proto.code)}`)
  return tensorOf(proto)
}

function lookup(scope: Scope, name: string): Ref {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const ref = at.values.get(name)
    if (ref !== undefined) return ref
  }
  throw new Fault(
    'exact/unsupported-type',
    `"${name}" is not a tensor that programs carry, or an output that its operator does not give here`,
  )
}

/** The node with the function's attribute references filled in; a reference without value is left out. */
function withAttributes(node: Node, given: ReadonlyMap<string, Attribute>): Node {
  const filled = [...node.attributes].flatMap(([name, attribute]): [string, Attribute][] => {
    if (attribute.kind !== 'reference') return [[name, attribute]]
    const value = given.get(attribute.name)
    return value === undefined ? [] : [[name, value]]
  })
  return { ...node, attributes: new Map(filled) }
}

/** The type of an input where the file states every dimension. */
function concreteType(info: ValueInfo): TensorType | undefined {
  const dtype = dtypeOf(info.dtype)
  if (dtype === undefined || info.dims === undefined || !info.dims.every((dim) => typeof dim === 'number'))
    return undefined
  return { dtype, dims: info.dims as number[] }
}

function demandFits(info: ValueInfo, given: TensorType): void {
  const dtype: DType | undefined = dtypeOf(info.dtype)
  demand(
    info.dtype === 0 || dtype !== undefined,
    'exact/unsupported-type',
    () => `input "${info.name}" is ${typeName(info.dtype)}`,
  )
  const fits =
    (dtype === undefined || dtype === given.dtype) &&
    (info.dims === undefined ||
      (info.dims.length === given.dims.length &&
        info.dims.every((dim, i) => typeof dim !== 'number' || dim === given.dims[i])))
  demand(fits, 'exact/wrong-input', () => `input "${info.name}"`, {
    expected: `${typeName(info.dtype)}[${info.dims?.map((dim) => dim ?? '?') ?? '...'}]`,
    found: `${given.dtype}[${given.dims}]`,
  })
}
