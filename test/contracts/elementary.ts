/**
 * Runs contracts/Elementary.sol over arguments and compares it with the exact ops.
 * @module
 */
import { readFileSync } from 'node:fs'
import type { Contract } from 'ethers'
import { elementaryOperands, expectElementary, numberOfOp } from '../../scripts/exact-vectors.js'
import { callBytes, pack } from './exact.js'

const BATCH = 2000

/** The arguments that are hardest to round, with their results, as the exhaustive search found them. */
const HARD = JSON.parse(readFileSync(new URL('../vectors/elementary.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, Readonly<Record<string, string>>>
>

/** The names of the functions. */
export const FUNCTIONS: readonly string[] = Object.keys(HARD)

/** Bits of a binary32 number. */
const numberOf = (bits: bigint): number => new Float32Array(Uint32Array.of(Number(bits)).buffer)[0]

/** Where the contract and the exact op differ, and the gas of one call. */
export interface ElementaryRun {
  readonly cases: number
  readonly wrong: readonly string[]
  readonly mean: number
  readonly worst: number
  /** The argument at which it is. */
  readonly worstAt: number
}

/** Runs a function over its hardest arguments, the turning points of all functions, and random ones. */
export async function runElementary(harness: Contract, name: string, count: number): Promise<ElementaryRun> {
  const operands = [...Object.keys(HARD[name]).map(BigInt), ...elementaryOperands(count)]
  const expected = expectElementary(name, operands)
  const wrong: string[] = []
  let [total, worst, worstAt] = [0, 0, 0n]
  for (let from = 0; from < operands.length; from += BATCH) {
    const part = operands.slice(from, from + BATCH)
    const found = await callBytes(harness, 'run', [numberOfOp(name), pack(4, [part])])
    const view = new DataView(found.buffer, found.byteOffset, found.length)
    part.forEach((x, i) => {
      const [result, gas] = [BigInt(view.getUint32(8 * i)), view.getUint32(8 * i + 4)]
      const right = expected[from + i]
      if (result !== right)
        wrong.push(`${name}(${x.toString(16)}) is ${right.toString(16)}, not ${result.toString(16)}`)
      total += gas
      if (gas > worst) [worst, worstAt] = [gas, x]
    })
  }
  return {
    cases: operands.length,
    wrong: wrong.slice(0, 5),
    mean: total / operands.length,
    worst,
    worstAt: numberOf(worstAt),
  }
}
