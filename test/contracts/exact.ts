/**
 * Runs contracts/Exact.sol over lists of operands and compares it with what the exact ops demand.
 * @module
 */
import type { Contract, JsonRpcApiProvider } from 'ethers'
import { toHex } from '../../src/core/bytes.js'
import type { Expected, Format } from '../../scripts/exact-vectors.js'

/** Cases of one call: a call of a thousandth of a second costs the node and the wire about as much again. */
const BATCH = 2000

/** Where the contract and the exact ops differ; few of them, and the number of all. */
export interface Differences {
  readonly cases: number
  readonly count: number
  readonly first: readonly string[]
}

/** The results of the harness for the operands of some cases. */
export type Run = (operands: readonly (readonly bigint[])[]) => Promise<Uint8Array>

/** Results of one case, in the order in which the harness gives them: 8 bytes each; '' where it gives 0. */
export type Layout = readonly ((expected: Expected, i: number) => bigint)[]

const of =
  (name: string) =>
  (expected: Expected, i: number): bigint =>
    expected[name]?.[i] ?? 0n

/** Two truth values in one result. */
const flags =
  (one: string, two: string) =>
  (expected: Expected, i: number): bigint =>
    expected[one][i] + 2n * expected[two][i]

export const PAIRS: Layout = [...['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Fmod'].map(of), flags('Equal', 'Less')]
export const SINGLES: Layout = [
  ...['Sqrt', 'Neg', 'Abs', 'Relu', 'Floor', 'Ceil', 'Round', 'Sign', 'pow2ceil', 'pow2ceilBounded', 'other'].map(of),
  flags('IsNaN', 'bool'),
  ...['float16', 'bfloat16', '', ''].map(of),
]
export const TRUNCATIONS: Layout = ['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'].map(of)
export const HALVES: Layout = ['float16To32', 'float16To64', 'bfloat16To32', 'bfloat16To64'].map(of)
export const SCALED: Layout = ['float32', 'float64', 'float16', 'bfloat16'].map(of)
export const GRID: Layout = ['scale', 'grid', 'units', ''].map(of)

/** Operands packed big-endian. */
export function pack(width: number, operands: readonly (readonly bigint[])[]): Uint8Array {
  const each = operands[0]?.length ?? 0
  const bytes = new Uint8Array(operands.length * each * width)
  const view = new DataView(bytes.buffer)
  operands.flat().forEach((bits, i) => {
    if (width === 8) view.setBigUint64(8 * i, bits)
    else if (width === 4) view.setUint32(4 * i, Number(bits))
    else view.setUint16(2 * i, Number(bits))
  })
  return bytes
}

/** Gas for one call: more than any needs. */
const GAS = '0xe8d4a51000'

/** Calls a function that gives `bytes`. The answer, a megabyte of hexadecimal, is read here: the library's decoder takes as long as the node. */
export async function callBytes(harness: Contract, name: string, values: readonly unknown[]): Promise<Uint8Array> {
  const { provider } = harness.runner as unknown as { readonly provider: JsonRpcApiProvider }
  const data = harness.interface.encodeFunctionData(name, values)
  const call = { to: await harness.getAddress(), data, gas: GAS }
  const answer = (await provider.send('eth_call', [call, 'latest'])) as string
  // An offset and a length stand before the bytes.
  const length = Number(BigInt(`0x${answer.slice(2 + 64, 2 + 128)}`))
  return Buffer.from(answer.slice(2 + 128, 2 + 128 + 2 * length), 'hex')
}

/** A function of the harness that takes a width and a packed list. */
export const packed =
  (harness: Contract, name: string, { width }: Pick<Format, 'width'>): Run =>
  (operands) =>
    callBytes(harness, name, [width, pack(width, operands)])

/** The way onto a grid of so many bits. */
export const grids =
  (harness: Contract, { width }: Pick<Format, 'width'>, bits: number): Run =>
  (operands) =>
    callBytes(harness, 'grids', [width, bits, pack(width, operands)])

/** Integers times powers of two. */
export const integers =
  (harness: Contract): Run =>
  (operands) =>
    callBytes(harness, 'integers', [operands.map(([n]) => n), operands.map(([, k]) => k)])

/** Patterns of 16 bits. */
export const halves =
  (harness: Contract): Run =>
  (operands) =>
    callBytes(harness, 'halves', [pack(2, operands)])

function wordsOf(expected: Expected, layout: Layout, range: readonly [number, number]): Uint8Array {
  const bytes = new Uint8Array((range[1] - range[0]) * layout.length * 8)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (let i = range[0]; i < range[1]; i++)
    for (const result of layout) view.setBigUint64(8 * at++, result(expected, i))
  return bytes
}

/** Runs all cases in batches and compares every result. */
export async function compare(
  operands: readonly (readonly bigint[])[],
  { run, expected, layout }: { readonly run: Run; readonly expected: Expected; readonly layout: Layout },
): Promise<Differences> {
  const first: string[] = []
  let count = 0
  for (let from = 0; from < operands.length; from += BATCH) {
    const to = Math.min(operands.length, from + BATCH)
    const found = await run(operands.slice(from, to))
    const right = wordsOf(expected, layout, [from, to])
    if (Buffer.compare(found, right) === 0) continue
    if (found.length !== right.length) throw new Error(`${found.length} bytes of results, not ${right.length}`)
    for (let at = 0; at < right.length; at += 8) {
      const [a, b] = [toHex(right.subarray(at, at + 8)), toHex(found.subarray(at, at + 8))]
      if (a === b || count++ >= 5) continue
      const words = operands[from + Math.floor(at / 8 / layout.length)].map((x) => x.toString(16)).join(' ')
      first.push(`result ${(at / 8) % layout.length} of ${words}: ${a} by the op, ${b} by the contract`)
    }
  }
  return { cases: operands.length, count, first }
}
