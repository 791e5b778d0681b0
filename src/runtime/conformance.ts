/**
 * The conformance table: one small program for every exact op, over edge values, with the root that its values must have. A platform
 * that gives another root must not sign receipts.
 * @module
 */
import { toHex } from '../core/bytes.js'
import { throwIfAborted } from '../core/faults.js'
import { DTYPES, allocate, isFloat, sizeOf, type DType, type Tensor } from '../core/tensor.js'
import { Builder } from '../exact/builder.js'
import { OPS } from '../exact/ops/index.js'
import type { Attributes, Program } from '../exact/program.js'
import { digest, listRoot } from '../merkle/tiles.js'
import { CONFORMANCE_ROOTS } from './conformance.generated.js'
import { SAMPLES, type OperandSample } from './conformance-samples.js'
import type { Runtime } from './runtime.js'

/** One case: an exact op on made-up operands. */
export interface ConformanceCase {
  readonly name: string
  readonly op: string
  readonly program: Program
  readonly inputs: readonly Tensor[]
}

/** What a platform gave for a case. */
export interface Conformance {
  readonly name: string
  readonly op: string
  readonly conforms: boolean
  /** What went wrong: another root, or the fault. */
  readonly found: string
}

/** Bits that arithmetic stumbles over, then bits from a linear congruential generator (Numerical Recipes constants). */
const EDGES: Partial<Record<DType, readonly number[]>> = {
  float32: [
    0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x00800000, 0x3f800000, 0xbf800000, 0x3f000000, 0x3fc00000, 0x40200000,
    0x4b800001, 0x33000000, 0x42b17218, 0xc2cff1b5, 0x3f7fffff,
  ],
  float16: [0, 0x8000, 1, 0x03ff, 0x0400, 0x3c00, 0xbc00, 0x3800, 0x7bff, 0xfbff],
  bfloat16: [0, 0x8000, 1, 0x0080, 0x3f80, 0xbf80, 0x3f00, 0x4049],
}

/** A deterministic tensor: edge values first, then moderate pseudo-random ones; integer arithmetic only. */
export function sample({ dtype, dims, low, high }: OperandSample, seed: number): Tensor {
  const data = allocate(dtype, sizeOf(dims))
  let state = (seed * 2654435761) >>> 0
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)
  const edges = low === undefined ? (EDGES[dtype] ?? []) : []
  const bits = new Uint32Array(1)
  const single = new Float32Array(bits.buffer)
  for (let i = 0; i < data.length; i++) {
    const word = next()
    const write = (value: number | bigint) => ((data as unknown as { [k: number]: number | bigint })[i] = value)
    if (low !== undefined) write(asElement(dtype, low + (word % (high! - low + 1))))
    else if (dtype === 'float32') write(((bits[0] = i < edges.length ? edges[i] : moderate(word)), single[0]))
    else if (dtype === 'float64') write(((bits[0] = moderate(word)), single[0]) * (1 + next() * 2 ** -40))
    else if (dtype === 'float16' || dtype === 'bfloat16')
      write(edges[i] ?? (dtype === 'float16' ? 0x3000 + (word & 0x8fff) : 0x3e00 + (word & 0x81ff)))
    else if (dtype === 'bool') write(word >>> 31)
    else write(DTYPES[dtype].bytes === 8 ? (BigInt(word) << 32n) | BigInt(next()) : word)
  }
  return { dtype, dims, data }
}

const asElement = (dtype: DType, value: number): number | bigint =>
  dtype === 'int64' || dtype === 'uint64' ? BigInt(value) : value

/** Bits of a float32 of either sign with an exponent in [-12, 3]. */
const moderate = (word: number): number => ((word & 0x807fffff) | ((115 + ((word >>> 23) & 15)) << 23)) >>> 0

/** All cases, in the order of the op table. */
export function conformanceCases(): readonly ConformanceCase[] {
  return OPS.flatMap((op) => (SAMPLES[op.name] ?? []).map((given, i) => caseOf(op.name, given, i)))
}

function caseOf(
  op: string,
  given: { readonly operands: readonly OperandSample[]; readonly attributes?: Attributes },
  index: number,
): ConformanceCase {
  const b = new Builder()
  const refs = given.operands.map((operand, i) => b.input(`x${i}`, operand))
  const y = b.op(op, refs, given.attributes ?? {})
  // A NaN must not reach an output; among the values it is compared like any other.
  const { program } = b.finish({ outputs: [['y', isFloat(y.dtype) ? b.isNaN(y) : y]] })
  return {
    name: `${op} ${given.operands.map((o) => `${o.dtype}[${o.dims}]`).join(' ')}`,
    op,
    program,
    inputs: given.operands.map((operand, i) => sample(operand, index * 16 + i + 1)),
  }
}

/** The root over all values of a case on a runtime. */
export async function rootOf({ program, inputs }: ConformanceCase, runtime: Runtime): Promise<string> {
  const session = await runtime.open(program, [], { record: 'all' })
  try {
    const { values } = await session.step(inputs)
    return toHex(listRoot(values!.map((value) => digest(value))))
  } finally {
    await session.close()
  }
}

/** Runs the whole table on a runtime. Cost: a few seconds. */
export async function conformance(
  runtime: Runtime,
  options: { onProgress?: (done: number, total: number) => void; signal?: AbortSignal } = {},
): Promise<readonly Conformance[]> {
  const cases = conformanceCases()
  const results: Conformance[] = []
  for (const [i, item] of cases.entries()) {
    throwIfAborted(options.signal)
    const found = await rootOf(item, runtime).catch((error: unknown) =>
      error instanceof Error ? error.message : String(error),
    )
    results.push({ name: item.name, op: item.op, conforms: found === CONFORMANCE_ROOTS[i], found })
    options.onProgress?.(i + 1, cases.length)
  }
  return results
}
