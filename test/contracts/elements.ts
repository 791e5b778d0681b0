/**
 * Operands for the contracts that decide single elements, and what the exact ops say about them.
 * @module
 */
import type { Contract } from 'ethers'
import { stream } from '../../scripts/exact-vectors.js'
import { DTYPES, bytesOf, fromBytes, sizeOf, type DType, type Tensor } from '../../src/core/tensor.js'
import { opOf } from '../../src/exact/ops/index.js'
import type { Attributes } from '../../src/exact/program.js'
import { canonicalizeNaN } from '../../src/merkle/elements.js'
import { callBytes } from './exact.js'

/** Bits of +infinity, and bits of the fraction. */
const FLOATS: Partial<Record<DType, readonly [infinity: bigint, fraction: bigint]>> = {
  float16: [0x7c00n, 10n],
  bfloat16: [0x7f80n, 7n],
  float32: [0x7f800000n, 23n],
  float64: [0x7ff0000000000000n, 52n],
}

/** Bits at which a type changes its ways. */
export function edgesOf(dtype: DType): readonly bigint[] {
  const width = BigInt(8 * DTYPES[dtype].bytes)
  const wrap = (values: readonly bigint[]) => [...new Set(values.map((x) => BigInt.asUintN(Number(width), x)))]
  const format = FLOATS[dtype]
  if (dtype === 'bool') return [0n, 1n]
  const half = 1n << (width - 1n)
  if (format === undefined)
    return wrap([0n, 1n, 2n, 3n, 7n, -1n, -2n, -7n, width - 1n, width, width + 1n, half, half - 1n, half + 1n])
  const [infinity, fraction] = format
  const [unit, one] = [1n << fraction, (infinity >> (fraction + 1n)) << fraction]
  const near = [0n, unit, one, one + unit, one + 7n * unit, one + 8n * unit, one + 31n * unit, one + 63n * unit]
  const magnitudes = [...near, one - unit, one + unit / 2n, infinity].flatMap((x) => [x - 1n, x, x + 1n])
  return wrap([...magnitudes.filter((x) => x >= 0n), infinity | (unit / 2n)].flatMap((x) => [x, x | half]))
}

/** A payload as a provider may commit it: every NaN canonical, every bool 0 or 1. */
function canonical(dtype: DType, payload: Uint8Array): Uint8Array {
  canonicalizeNaN(dtype, payload)
  return dtype === 'bool' ? payload.map((byte) => byte & 1) : payload
}

/** Elements in which edges and random bits alternate; floats often of moderate size. */
export function sampleOf(dtype: DType, dims: readonly number[], label: string): Tensor {
  const next = stream(`${label} ${dtype}`)
  const { bytes } = DTYPES[dtype]
  const [edges, format] = [edgesOf(dtype), FLOATS[dtype]]
  const payload = new Uint8Array(sizeOf(dims) * bytes)
  for (let at = 0; at < payload.length; at += bytes) {
    const [kind, word] = [next() % 4n, next()]
    let bits = kind === 0n ? edges[Number(word % BigInt(edges.length))] : word
    if (kind === 1n && format !== undefined) bits = moderate(format, word)
    if (kind === 1n && format === undefined) bits = (word % 16n) - (word & 1024n ? 8n : 0n)
    for (let j = 0; j < bytes; j++) payload[at + j] = Number(BigInt.asUintN(64, bits >> BigInt(8 * j)) & 255n)
  }
  return fromBytes({ dtype, dims }, canonical(dtype, payload))
}

/** A number between 1/16 and 256 with few bits, of either sign. */
function moderate([infinity, fraction]: readonly [bigint, bigint], word: bigint): bigint {
  const bias = infinity >> (fraction + 1n)
  const exponent = bias - 4n + (word % 12n)
  const rest = ((word >> 8n) % 8n) << (fraction - 3n)
  return (exponent << fraction) | rest | (word & (1n << 40n) ? infinity + (1n << fraction) : 0n)
}

/** Makes of a tensor one by whose elements integers may be divided. */
export function withoutZeros({ data }: Tensor): void {
  const cells = data as unknown as { [i: number]: number | bigint }
  for (let i = 0; i < data.length; i++) if (Number(data[i]) === 0) cells[i] = typeof data[i] === 'bigint' ? 3n : 3
}

/** The payload of a result as it is committed. */
export const payloadOf = (tensor: Tensor): Uint8Array => canonical(tensor.dtype, bytesOf(tensor).slice())

/** What an exact op gives. */
export function evaluate(name: string, inputs: readonly Tensor[], attributes: Attributes = {}): Tensor {
  const op = opOf(name)
  const type = op.infer(inputs, attributes)
  return { ...type, data: op.evaluate(inputs, attributes, type) }
}

/** Words of the attributes of an op, as a program's leaf has them. */
export const wordsOf = (name: string, attributes: Attributes): readonly number[] =>
  opOf(name).attributes.flatMap(({ name: key }) => {
    const value = attributes[key]
    return typeof value === 'number' ? [value] : [value.length, ...value]
  })

const BATCH = 2000

/** Elements where the contract and the op differ, the first few in words. */
export async function differencesOf(
  harness: Contract,
  name: string,
  { inputs, attributes = {} }: { readonly inputs: readonly Tensor[]; readonly attributes?: Attributes },
): Promise<readonly string[]> {
  const result = evaluate(name, inputs, attributes)
  const right = payloadOf(result)
  const [from, to] = [DTYPES[inputs[0].dtype].bytes, DTYPES[result.dtype].bytes]
  const payloads = inputs.map(payloadOf)
  const operation = {
    op: opOf(name).number,
    dtype: DTYPES[inputs[0].dtype].code,
    target: DTYPES[result.dtype].code,
    attribute: wordsOf(name, attributes)[0] ?? 0,
    a: 0,
    b: 0,
  }
  const wrong: string[] = []
  for (let first = 0; first < right.length / to; first += BATCH) {
    const last = Math.min(first + BATCH, right.length / to)
    const parts = payloads.map((payload) => payload.subarray(first * from, last * from))
    const found = await callBytes(harness, 'evaluate', [operation, from, to, parts[0], parts[1] ?? new Uint8Array(0)])
    for (let i = 0; i < last - first; i++) {
      const [a, b] = [found.subarray(i * to, (i + 1) * to), right.subarray((first + i) * to, (first + i + 1) * to)]
      if (Buffer.compare(a, b) === 0) continue
      const operands = parts.map((part) => hex(part.subarray(i * from, (i + 1) * from))).join(', ')
      wrong.push(`${name} ${inputs[0].dtype} of ${operands} is ${hex(b)}, not ${hex(a)}`)
    }
  }
  return wrong
}

/** A little-endian element as digits. */
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).reverse().toString('hex')
