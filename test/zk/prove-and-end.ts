/** Proves three times, two of them at once, and ends: run by prove.test.ts in a process of its own. */
import { unsafeKey } from '../../src/zk/keys.js'
import { prove } from '../../src/zk/prove.js'
import { tiny } from './tiny.js'

const circuit = await tiny()
const key = await unsafeKey(circuit.r1cs)
const witness = circuit.witness(11n, 77n)
const proofs = [await prove(key, witness), ...(await Promise.all([prove(key, witness), prove(key, witness)]))]
console.log(`proven ${proofs.length} times`)
