/**
 * What contracts take: a verifier in Solidity for one key, and the call that hands it a proof. Node only.
 *
 * The source is written by snarkjs from its own templates, which are GPL-3.0: so is what comes out.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { concat, utf8 } from '../core/bytes.js'
import { Fault } from '../core/faults.js'
import { keccak256 } from '../core/keccak.js'
import { withCurve } from './curve.js'
import type { ProvingKey, Scheme } from './keys.js'
import { wordsToBytes } from './points.js'
import { publicWords, type Proof } from './prove.js'
import { decodeZkey } from './zkey.js'

/** Signatures of the contracts that {@link solidityVerifier} writes. */
export const VERIFIER_SIGNATURES: Readonly<Record<Scheme, string>> = Object.freeze({
  groth16: 'verifyProof(uint256[2],uint256[2][2],uint256[2],uint256[4])',
  plonk: 'verifyProof(uint256[24],uint256[4])',
})

/** The folder of snarkjs, whose entry is build/main.cjs. */
function packageFolder(): string {
  try {
    return join(createRequire(import.meta.url).resolve('snarkjs'), '..', '..')
  } catch (cause) {
    throw new Fault('zk/no-prover', 'the package snarkjs is needed to write a verifier', { cause })
  }
}

/**
 * The Solidity source of a verifier, contract `Groth16Verifier` or `PlonkVerifier`. GPL-3.0 and not covered by this package's license. An
 * unsafe key's source begins with a line that says so. The PLONK template does not check that public inputs are below the order:
 * whoever calls it must.
 * @throws Fault `zk/no-prover`, `zk/bad-file`, `zk/prover-failed`.
 */
export async function solidityVerifier(key: ProvingKey): Promise<string> {
  const { scheme, setUp } = decodeZkey(key.zkey).verification
  const template = await readFile(join(packageFolder(), 'templates', `verifier_${scheme}.sol.ejs`), 'utf8')
  const source = await withCurve(({ zKey }) => zKey.exportSolidityVerifier(key.zkey, { [scheme]: template }))
  return setUp === 'unsafe' ? `// unsafe: made from a development key, anybody proves anything\n${source}` : source
}

/** The call of such a contract's `verifyProof`: selector, proof, public inputs, each 32 bytes. */
export function calldataOf({ scheme, publics, bytes }: Proof): Uint8Array {
  const selector = keccak256(utf8(VERIFIER_SIGNATURES[scheme])).subarray(0, 4)
  return concat(selector, bytes, wordsToBytes(publicWords(publics)))
}
