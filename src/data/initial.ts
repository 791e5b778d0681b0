/**
 * Initial weights: from the seed by one rule a parameter, so that one element is checked alone; or a committed checkpoint.
 *
 * Numerics: an element is k / 2^24 times the bound, where k = 2 u + 1 - 2^24 is odd and u is the element's uniform 24-bit integer, and the
 * bound is sqrt(gain / fan). k / 2^24 is exact in float32; quotient, root and product are each rounded once, as IEEE 754 demands, so every
 * machine gives the same bits.
 * @see Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010); He et al., "Delving Deep into
 * Rectifiers" (2015), for the bounds
 * @module
 */
import { decodeAbi, encodeAbi } from '../core/abi.js'
import { concat, equal, toHex, utf8, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sha256 } from '../core/sha256.js'
import { allocate, sizeOf, tensor, type DType, type Tensor, type TensorType } from '../core/tensor.js'
import { parametersOf, type Program } from '../exact/program.js'
import { digest, listRoot } from '../merkle/tiles.js'
import { rootOf, sizedRoot, treeOf } from '../merkle/tree.js'
import type { Start } from './schedule.js'
import { integer24, integers24, type Stream } from './seeds.js'
import { usesOf, type Fans, type Use } from './uses.js'

export { usesOf, type Fans, type Use } from './uses.js'

/** How one parameter starts: all 0, all 1, or uniform within sqrt(gain / fan) either way. */
export type Rule =
  { readonly kind: 'zeros' | 'ones' } | { readonly kind: 'uniform'; readonly gain: number; readonly fan: number }

/** All 0: biases, states of optimizers. */
export const ZEROS: Rule = Object.freeze({ kind: 'zeros' })
/** All 1: scales of normalisations. */
export const ONES: Rule = Object.freeze({ kind: 'ones' })

/** How the axes of a weight stand: `in-out` for MatMul and for Gemm without transB, `out-in` for Gemm with transB and for Conv. */
export type Layout = 'in-out' | 'out-in'

/**
 * The fans of a weight. Of a convolution [M, C / group, kernel...]: each times the size of the kernel.
 * @throws Fault `data/bad-initial` for a rank below 2 or an axis of 0.
 */
export function fansOf(dims: readonly number[], layout: Layout): Fans {
  demand(dims.length >= 2 && !dims.includes(0), 'data/bad-initial', () => 'no fans', { found: `[${dims.join(',')}]` })
  const [a, b] = layout === 'in-out' ? [dims[dims.length - 2], dims[dims.length - 1]] : [dims[1], dims[0]]
  const kernel = layout === 'in-out' ? 1 : sizeOf(dims.slice(2))
  return { in: a * kernel, out: b * kernel }
}

/** Uniform with variance 2 / (in + out). */
export const glorot = (fans: Fans): Rule => uniform(6, fans.in + fans.out)
/** Uniform with variance 2 / in: before a ReLU. */
export const he = (fans: Fans): Rule => uniform(6, fans.in)
/** Uniform with variance 1 / in. */
export const lecun = (fans: Fans): Rule => uniform(3, fans.in)

/** Uniform within sqrt(gain / fan) either way. @throws Fault `data/bad-initial` where one is not an integer from 1 to 2^32 - 1. */
export function uniform(gain: number, fan: number): Rule {
  return checked({ kind: 'uniform', gain, fan })
}

const KINDS = ['zeros', 'ones', 'uniform'] as const

function checked(rule: Rule): Rule {
  demand(KINDS.includes(rule.kind), 'data/bad-initial', () => 'no such rule', { found: rule.kind })
  if (rule.kind !== 'uniform') return rule
  for (const value of [rule.gain, rule.fan]) {
    const fits = Number.isInteger(value) && value > 0 && value < 2 ** 32
    demand(fits, 'data/bad-initial', () => 'gain and fan are positive 32-bit integers', { found: value })
  }
  return Object.freeze({ kind: rule.kind, gain: rule.gain, fan: rule.fan })
}

/** The leaf of a rule: abi.encode(uint8 kind, uint32 gain, uint32 fan); kinds 0 zeros, 1 ones, 2 uniform. */
export function encode(rule: Rule): Uint8Array {
  const { kind } = checked(rule)
  const [gain, fan] = rule.kind === 'uniform' ? [rule.gain, rule.fan] : [0, 0]
  return encodeAbi(['uint8', 'uint32', 'uint32'], [KINDS.indexOf(kind), gain, fan])
}

/** Bytes of a rule's leaf. */
export const RULE_BYTES = 3 * 32

/** A rule from its leaf. @throws Fault `core/bad-abi`, `data/bad-initial`. */
export function decode(bytes: Uint8Array): Rule {
  const [kind, gain, fan] = decodeAbi(['uint8', 'uint32', 'uint32'], bytes).map(Number)
  if (KINDS[kind] === 'uniform') return uniform(gain, fan)
  demand(gain === 0 && fan === 0, 'data/bad-initial', () => 'gain and fan without a uniform rule')
  return checked({ kind: KINDS[kind] as 'zeros' | 'ones' })
}

/** The root of the rules of all parameters, in the program's order: sized, of kind `initial`. */
export function hash(rules: readonly Rule[]): Bytes32 {
  return sizedRoot('initial', { size: rules.length, root: rootOf(treeOf(rules.map(encode))) })
}

/** Which parameter, under which seed. */
export interface ParameterPlace {
  readonly seed: Bytes32
  /** Its number in the program. */
  readonly parameter: number
}

const FLOATS: readonly DType[] = ['float32', 'float64']
const ONE_BITS: { readonly [dtype in DType]?: number } = { float16: 0x3c00, bfloat16: 0x3f80 }
const streamOf = (parameter: number): Stream => ({ label: 'weights', value: parameter })

/**
 * A parameter before the first step. Cost: a hash for eight elements.
 * @throws Fault `data/bad-initial` where a uniform rule stands for another dtype than float32 and float64.
 */
export function initialTensor(type: TensorType, rule: Rule, { seed, parameter }: ParameterPlace): Tensor {
  const { dtype, dims } = type
  const size = sizeOf(dims)
  if (rule.kind !== 'uniform') return constant(type, rule.kind)
  const bound = boundOf(dtype, rule)
  const data = allocate(dtype, size) as Float32Array | Float64Array
  const draws = integers24(seed, streamOf(parameter), size)
  for (let i = 0; i < size; i++) data[i] = elementOf(draws[i], bound)
  return tensor(dtype, dims, data)
}

/** One element of it, computed alone: two hashes at most. @throws Fault as `initialTensor`. */
export function initialElement(
  type: TensorType,
  rule: Rule,
  { seed, parameter, element }: ParameterPlace & { readonly element: number },
): number | bigint {
  const inside = Number.isInteger(element) && element >= 0 && element < sizeOf(type.dims)
  demand(inside, 'core/bad-number', () => 'no such element', { found: element })
  if (rule.kind !== 'uniform') return constant({ dtype: type.dtype, dims: [] }, rule.kind).data[0]
  const value = elementOf(integer24(seed, streamOf(parameter), element), boundOf(type.dtype, rule))
  return type.dtype === 'float32' ? Math.fround(value) : value
}

function constant({ dtype, dims }: TensorType, kind: 'zeros' | 'ones'): Tensor {
  const data = allocate(dtype, sizeOf(dims))
  if (kind === 'ones') data.fill((typeof data[0] === 'bigint' ? 1n : (ONE_BITS[dtype] ?? 1)) as never)
  return tensor(dtype, dims, data)
}

/** sqrt(gain / fan), rounded to the dtype. */
function boundOf(dtype: DType, rule: Rule): number {
  demand(FLOATS.includes(dtype), 'data/bad-initial', () => `no uniform ${dtype}`)
  const { gain, fan } = checked(rule) as { gain: number; fan: number }
  const bound = Math.sqrt(gain / fan)
  return dtype === 'float32' ? Math.fround(bound) : bound
}

/** Two factors of at most 24 bits have an exact product in binary64: storing it as float32 rounds once. */
const elementOf = (draw: number, bound: number): number => ((2 * draw + 1 - 2 ** 24) / 2 ** 24) * bound

/** First values by what a parameter is there for; a kind that is not here has no rule. */
const RULE_OF: { readonly [K in Use['kind']]?: (use: Extract<Use, { kind: K }>) => Rule } = {
  product: ({ fans, rectified }) => (rectified ? he(fans) : glorot(fans)),
  table: ({ width }) => uniform(3, width),
  scale: () => ONES,
  shift: () => ZEROS,
  slope: () => ZEROS,
  slot: () => ZEROS,
  mean: () => ZEROS,
  variance: () => ONES,
}

function ruleFor(use: Use, { dtype, dims }: TensorType): Rule | undefined {
  const make = RULE_OF[use.kind] as ((use: Use) => Rule) | undefined
  const rule = sizeOf(dims) === 0 && use.kind !== 'kept' ? ZEROS : make?.(use)
  return rule?.kind === 'uniform' && !FLOATS.includes(dtype) ? undefined : rule
}

/** What `rulesFor` is told. */
export interface RulesOptions {
  /** Rules by name of the parameter, instead of those that follow from the program. */
  readonly rules?: Readonly<Record<string, Rule>>
}

const SHOWN = 4

/**
 * One rule for each parameter of a program, by what the parameter is there for (docs/training.md has the table): what a run from the seed
 * starts from. Who trusts nobody computes it again and compares `hash`.
 * @throws Fault `data/no-rule` with the names of parameters whose value does not follow from their use: what is not trained has to keep its
 * value, so it comes from a checkpoint, or is a constant of the program; `data/bad-initial` for a rule of a parameter that is not there.
 */
export function rulesFor(program: Program, { rules = {} }: RulesOptions = {}): readonly Rule[] {
  const { parameters: names } = program.names
  const stray = Object.keys(rules).filter((name) => !names.includes(name))
  demand(stray.length === 0, 'data/bad-initial', () => 'no such parameter', { found: stray.slice(0, SHOWN).join(', ') })
  const types = parametersOf(program)
  const found = usesOf(program).map((use, i) =>
    Object.hasOwn(rules, names[i]) ? checked(rules[names[i]]) : ruleFor(use, types[i]),
  )
  const missing = names.filter((_, i) => found[i] === undefined)
  demand(missing.length === 0, 'data/no-rule', () => `no rule for ${missing.length} of ${names.length} parameters`, {
    found: missing.slice(0, SHOWN).join(', ') + (missing.length > SHOWN ? ', ...' : ''),
    hint: 'name rules for them, start from a checkpoint, or make what is not trained constants of the program',
  })
  return Object.freeze(found as Rule[])
}

/** First values of the left factors of adapters: Glorot's, each from its own name and the seed. @see Adapters.AdapterOptions */
export function adapterValues(seed: Bytes32): (type: TensorType, name: string) => Tensor {
  return (type, name) =>
    initialTensor(type, glorot(fansOf(type.dims, 'out-in')), { seed: sha256(concat(seed, utf8(name))), parameter: 0 })
}

/** What the state before the first step is made from, or checked by. */
export interface InitialOptions {
  readonly seed: Bytes32
  /** Where the schedule starts from the seed: one rule for each parameter. */
  readonly rules?: readonly Rule[]
  /** Where it starts from a checkpoint: its tensors. */
  readonly checkpoint?: readonly Tensor[]
}

/**
 * The state before the first step of a program with these parameters: the one that the schedule fixes, and no other.
 * @throws Fault `data/wrong-initial` where rules or checkpoint are missing, do not fit the parameters, or have another root than
 * the schedule names; `data/bad-initial`.
 */
export function initialState(
  start: Start,
  parameters: readonly TensorType[],
  { seed, rules, checkpoint }: InitialOptions,
): readonly Tensor[] {
  const given = start.from === 'seed' ? rules : checkpoint
  demand(given?.length === parameters.length, 'data/wrong-initial', () => `one for each parameter (${start.from})`, {
    expected: parameters.length,
    found: given?.length,
  })
  if (start.from === 'seed') {
    demandRoot(hash(rules!), start)
    return parameters.map((type, parameter) => initialTensor(type, rules![parameter], { seed, parameter }))
  }
  const root = listRoot(checkpoint!.map((value) => digest(value)))
  demandRoot(sizedRoot('state', { size: parameters.length, root }), start)
  return checkpoint!.map((value, i) => demandType(value, parameters[i], i))
}

function demandRoot(found: Bytes32, { from, root }: Start): void {
  demand(equal(found, root), 'data/wrong-initial', () => `another root than the schedule names (${from})`, {
    expected: toHex(root),
    found: toHex(found),
  })
}

function demandType(value: Tensor, { dtype, dims }: TensorType, index: number): Tensor {
  const same = value.dtype === dtype && String(value.dims) === String(dims)
  demand(same, 'data/wrong-initial', () => 'a tensor of another type', { where: `parameter ${index}` })
  return value
}
