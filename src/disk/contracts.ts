/**
 * The code of the contracts, as the package carries it.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { Fault, demand } from '../core/faults.js'
import type { ContractCode } from '../chain/deployment.js'

/** Beside src/ and dist/ alike. */
const ARTIFACTS = new URL('../../contracts/artifacts/', import.meta.url)

/** The code of a contract by its name, for `Deployment.deploy` and `Deployment.verify`. @throws Fault `chain/no-contract`. */
export async function codeOf(contract: string): Promise<ContractCode> {
  demand(/^[A-Za-z0-9]+$/.test(contract), 'chain/no-contract', () => 'not a name of a contract', { found: contract })
  try {
    return JSON.parse(await readFile(new URL(`${contract}.json`, ARTIFACTS), 'utf8')) as ContractCode
  } catch (cause) {
    throw new Fault('chain/no-contract', 'the package carries no such contract', { found: contract, cause })
  }
}
