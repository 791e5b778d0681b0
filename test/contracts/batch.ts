/**
 * Many calls of a harness in one (contracts/test/Batch.sol), and what a contract says no with.
 * @module
 */
import type { Contract } from 'ethers'

/** A function of the harness and what it is called with. */
export type Call = readonly [name: string, ...values: unknown[]]

interface Outcome {
  readonly done: boolean
  readonly data: string
}

const BATCH = 500

/** For each call what it gives ('' where that is nothing), or the name of the error with which it reverts. */
export async function outcomesOf(harness: Contract, calls: readonly Call[]): Promise<readonly string[]> {
  const found: string[] = []
  for (let from = 0; from < calls.length; from += BATCH) {
    const batch = calls.slice(from, from + BATCH)
    const data = batch.map(([name, ...values]) => harness.interface.encodeFunctionData(name, values))
    const outcomes = (await harness.each(data, { gasLimit: 1e12 })) as readonly Outcome[]
    outcomes.forEach((outcome, i) => found.push(textOf(harness, batch[i][0], outcome)))
  }
  return found
}

function textOf({ interface: abi }: Contract, name: string, { done, data }: Outcome): string {
  if (done) return abi.decodeFunctionResult(name, data).toArray(true).flat(9).join(' ')
  // Calldata that is not of the function's types.
  if (data === '0x') return 'reverted with nothing'
  return abi.parseError(data)?.name ?? `reverted with ${data}`
}
