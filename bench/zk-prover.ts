/**
 * One prover as it runs for itself: reads a kit, computes witnesses, proves and verifies, and writes what it took to standard output. A process of
 * its own, so that its memory is that of proving and of nothing before it.
 */
import { readKit } from '../src/disk/circuits.js'
import { encodeProof, generator, prove, provingKeyOf, signalsOf, verifyProof, withThreads } from '../src/zk/index.js'
import { median } from './measure.js'
import { CASES, CONTEXT, SALTS, drawInputs } from './zk-cases.js'

/** What a prover took: seconds, MB; and its last proof, as JSON. */
export interface Taken {
  readonly witness: number
  readonly first: number
  readonly prove: number
  readonly verify: number
  readonly memory: number
  readonly proof: string
}

/** Seconds, and what came out. */
async function timed<T>(work: () => T | Promise<T>): Promise<{ seconds: number; value: T }> {
  const start = performance.now()
  const value = await work()
  return { seconds: (performance.now() - start) / 1000, value }
}

const ROUNDS = 5

async function measure(name: string, folder: string): Promise<Taken> {
  const { circuit, wasm, zkey } = await readKit(folder)
  const model = CASES[name].model()
  const signals = signalsOf(circuit, { state: model.state, inputs: drawInputs(model), context: CONTEXT, salts: SALTS })
  const [key, made] = [provingKeyOf(zkey), await generator(wasm)]
  const witness = await timed(() => made.witness(signals))
  return withThreads(async () => {
    const first = await timed(() => prove(key, witness.value))
    const proofs = []
    for (let round = 0; round < ROUNDS; round++) proofs.push(await timed(() => prove(key, witness.value)))
    const memory = process.resourceUsage().maxRSS / 1024
    const checks = []
    for (const { value } of proofs)
      checks.push(await timed(() => verifyProof(value, key.verification, { allowUnsafe: true })))
    const middle = (list: readonly { seconds: number }[]) => median(list.map(({ seconds }) => seconds))
    const proof = new TextDecoder().decode(encodeProof(first.value))
    const times = { witness: witness.seconds, first: first.seconds, prove: middle(proofs), verify: middle(checks) }
    return { ...times, memory, proof }
  })
}

process.stdout.write(JSON.stringify(await measure(process.argv[2], process.argv[3])))
