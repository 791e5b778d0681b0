/**
 * What goes wrong on a chain, as faults: custom errors by their names and arguments, and nodes that do not answer.
 * @module
 */
import { Interface, type ErrorDescription, type InterfaceAbi } from 'ethers/abi'
import { isError } from 'ethers/utils'
import { Fault, type FaultCode } from '../core/faults.js'
import { plainOf } from './abi.js'
import { ABIS } from './abi.generated.js'

/** The error with which a contract refused a call. */
export interface Revert {
  /** Name of the custom error; `Error` or `Panic` where Solidity itself refused. */
  readonly name: string
  readonly values: readonly unknown[]
}

/** The fault of a call that a contract refused: `detail.found` is the error as text, `detail.cause` a {@link Revert}. */
const REVERTED: FaultCode = 'chain/reverted'

const KNOWN = new Interface(
  Object.values(ABIS)
    .flat()
    .filter(({ type }) => type === 'error') as InterfaceAbi,
)

/** The error behind the bytes that a call was refused with. */
export function decodeRevert(data: string | null | undefined): Revert {
  const known = data ? parse(data) : null
  if (known === null) return { name: data && data !== '0x' ? data : 'nothing', values: [] }
  const { inputs } = known.fragment
  return { name: known.name, values: inputs.map((type, i) => plainOf(type, known.args[i])) }
}

function parse(data: string): ErrorDescription | null {
  try {
    return KNOWN.parseError(data)
  } catch {
    return null
  }
}

/** The error of a contract behind a fault, or undefined where it is another fault. */
export function revertOf(error: unknown): Revert | undefined {
  return Fault.is(error, REVERTED) ? (error.detail.cause as Revert) : undefined
}

/** True where a contract refused with this error. */
export const isRevert = (error: unknown, name: string): boolean => revertOf(error)?.name === name

/** The fault of a refusal. `where` names contract and function. */
export function revertFault(where: string, data: string | null | undefined): Fault {
  const cause = decodeRevert(data)
  const values = cause.values.map(textOf).join(', ')
  return new Fault(REVERTED, 'a contract refused', { where, found: `${cause.name}(${values})`, cause })
}

function textOf(value: unknown): string {
  if (value instanceof Uint8Array)
    return `0x${Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
  return String(value)
}

/** A node that does not do it is asked again so often, after so many milliseconds, each time twice as many. */
const [TRIES, FIRST_WAIT] = [8, 25]

/**
 * Does something on a chain that may be done twice: what a node does not do is tried again for a few seconds.
 * @throws Fault `chain/reverted` with the contract's error, `chain/no-funds`, `chain/failed` where the node did not do it.
 */
export async function onChain<T>(where: string, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await once(where, work)
    } catch (error) {
      if (tries === TRIES || !Fault.is(error, 'chain/failed')) throw error
      await new Promise((resolve) => setTimeout(resolve, FIRST_WAIT * 2 ** (tries - 1)))
    }
  }
}

/** Does something on a chain that must not be done twice. @throws Fault, as {@link onChain}. */
export async function once<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw faultOf(where, error)
  }
}

function faultOf(where: string, error: unknown): Fault {
  if (error instanceof Fault) return error
  if (isError(error, 'CALL_EXCEPTION')) return revertFault(where, error.data)
  if (isError(error, 'INSUFFICIENT_FUNDS')) {
    return new Fault('chain/no-funds', 'the account cannot pay for it', { where, cause: error })
  }
  return new Fault('chain/failed', 'the node did not do it', { where, found: messageOf(error), cause: error })
}

function messageOf(error: unknown): string {
  const { shortMessage, message } = error as { shortMessage?: unknown; message?: unknown }
  return String(shortMessage ?? message ?? error).slice(0, 300)
}
