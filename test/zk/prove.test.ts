import { fork } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { equal, utf8 } from '../../src/core/bytes.js'
import { ORDER } from '../../src/zk/field.js'
import { withCurve, withThreads, type SnarkObject } from '../../src/zk/curve.js'
import { unsafeKey, type ProvingKey, type Scheme } from '../../src/zk/keys.js'
import { MODULUS, wordsOf, wordsToBytes } from '../../src/zk/points.js'
import {
  decodeProof,
  encodeProof,
  prove,
  PROOF_BYTES,
  publicWords,
  verifyProof,
  type Proof,
} from '../../src/zk/prove.js'
import { circuitOf } from '../../src/zk/circuit.js'
import { compile, loadBlocks } from '../../src/zk/compile.js'
import { publicsOf, type Publics } from '../../src/zk/publics.js'
import { generator, signalsOf } from '../../src/zk/witness.js'
import { reference } from '../../src/runtime/reference.js'
import { encodeWitness } from '../../src/zk/r1cs.js'
import { draws, perceptron } from '../../bench/zk-models.js'
import { tiny, tinyPowers, type Tiny } from './tiny.js'
import { drawInput } from './whole.js'

const SCHEMES = ['groth16', 'plonk'] as const
const keys = {} as Record<Scheme, ProvingKey>
const others = {} as Record<Scheme, ProvingKey>
const proofs = {} as Record<Scheme, Proof>
const twins = {} as Record<Scheme, Proof>
let circuit: Tiny
const allowed = { allowUnsafe: true }

beforeAll(async () => {
  circuit = await tiny()
  const [other, powers] = [await tiny(5), await tinyPowers()]
  await withThreads(async () => {
    for (const scheme of SCHEMES) {
      keys[scheme] = await unsafeKey(circuit.r1cs, { scheme, powers })
      others[scheme] = await unsafeKey(other.r1cs, { scheme, powers })
      proofs[scheme] = await prove(keys[scheme], circuit.witness(11n, 77n))
      twins[scheme] = await prove(keys[scheme], circuit.witness(11n, 77n))
    }
  })
}, 60_000)

const verify = (proof: Proof) => verifyProof(proof, keys[proof.scheme].verification, allowed)

describe.each(SCHEMES)('a %s proof', (scheme) => {
  test('shows its public inputs', async () => {
    const proof = proofs[scheme]
    const statement = 3n * 121n + 7n
    expect(await verify(proof)).toEqual({
      statement,
      rootIn: statement * 11n,
      rootOut: statement * 121n + 1n,
      context: 77n,
    })
    expect(proof.bytes).toHaveLength(PROOF_BYTES[scheme])
  })

  test('differs from another proof of the same witness, which holds as well', async () => {
    expect(equal(proofs[scheme].bytes, twins[scheme].bytes)).toBe(false)
    expect(await verify(twins[scheme])).toEqual(await verify(proofs[scheme]))
  })

  test('holds in snarkjs too, and both refuse other public inputs', async () => {
    const { zkey } = keys[scheme]
    await withCurve(async (snarkjs) => {
      const vk = await snarkjs.zKey.exportVerificationKey(zkey)
      const { proof, publicSignals } = await snarkjs[scheme].prove(zkey, encodeWitness(circuit.witness(12n, 78n)))
      expect(await snarkjs[scheme].verify(vk, publicSignals, proof)).toBe(true)
      const ours = { ...proofs[scheme], publics: publicsFrom(publicSignals), bytes: bytesFrom(scheme, proof) }
      expect(publicWords(await verify(ours)).map(String)).toEqual(publicSignals)
      for (let i = 0; i < 4; i++) {
        const lie = publicSignals.with(i, '5')
        expect(await snarkjs[scheme].verify(vk, lie, proof)).toBe(false)
        await expect(verify({ ...ours, publics: publicsFrom(lie) })).rejects.toThrow('zk/refuted')
      }
    })
  })

  test('with a bit changed in any byte is refused', async () => {
    const { bytes } = proofs[scheme]
    const draw = draws(8)
    // Every byte of points, which is quick; of the evaluations behind them every fifth.
    for (let at = 0; at < bytes.length; at += at < 576 ? 1 : 5) {
      const altered = bytes.slice()
      altered[at] ^= 1 << (draw() % 8)
      await expect(verify({ ...proofs[scheme], bytes: altered }), `byte ${at}`).rejects.toThrow(
        /zk\/(refuted|not-on-curve|not-in-field)/,
      )
    }
  }, 120_000)

  test('in any other length is refused', async () => {
    const { bytes } = proofs[scheme]
    for (const length of [0, 32, bytes.length - 1, bytes.length - 32])
      await expect(verify({ ...proofs[scheme], bytes: bytes.slice(0, length) })).rejects.toThrow('zk/bad-length')
    const longer = new Uint8Array(bytes.length + 32)
    longer.set(bytes)
    await expect(verify({ ...proofs[scheme], bytes: longer })).rejects.toThrow('zk/bad-length')
  })

  test('whose coordinates are written plus the modulus is refused: one point, one encoding', async () => {
    const words = wordsOf(proofs[scheme].bytes)
    for (const [i, word] of words.entries()) {
      const order = scheme === 'plonk' && i >= 18 ? ORDER : MODULUS
      if (word + order >= 1n << 256n) continue
      const alias = wordsToBytes(words.with(i, word + order))
      await expect(verify({ ...proofs[scheme], bytes: alias }), `word ${i}`).rejects.toThrow('zk/not-in-field')
    }
  })

  test('with the point at infinity in any place is refused', async () => {
    const { bytes } = proofs[scheme]
    const places =
      scheme === 'plonk'
        ? Array.from({ length: 9 }, (_, i) => [64 * i, 64])
        : [
            [0, 64],
            [64, 128],
            [192, 64],
          ]
    for (const [at, length] of places)
      await expect(verify({ ...proofs[scheme], bytes: bytes.slice().fill(0, at, at + length) })).rejects.toThrow(
        'zk/not-on-curve',
      )
  })

  test('with a public input plus the order is refused: an alias would be another context', async () => {
    for (const name of ['statement', 'rootIn', 'rootOut', 'context'] as const) {
      const publics = { ...proofs[scheme].publics, [name]: proofs[scheme].publics[name] + ORDER }
      await expect(verify({ ...proofs[scheme], publics })).rejects.toThrow('zk/not-in-field')
    }
  })

  test('with another context, statement or root is refused', async () => {
    for (const name of ['statement', 'rootIn', 'rootOut', 'context'] as const)
      for (const value of [0n, 1n, ORDER - 1n, proofs[scheme].publics[name] + 1n]) {
        const publics = { ...proofs[scheme].publics, [name]: value }
        await expect(verify({ ...proofs[scheme], publics })).rejects.toThrow('zk/refuted')
      }
  })

  test('of another circuit is refused, even where it names this key', async () => {
    const { verification } = others[scheme]
    await expect(verifyProof(proofs[scheme], verification, allowed)).rejects.toThrow('zk/wrong-key')
    const renamed = { ...proofs[scheme], key: verification.hash }
    await expect(verifyProof(renamed, verification, allowed)).rejects.toThrow('zk/refuted')
  })

  test('that does not say unsafe, of a key that does, is refused', async () => {
    await expect(verify({ ...proofs[scheme], setUp: 'ceremony' })).rejects.toThrow('expected unsafe; found ceremony')
  })

  test('is refused under an unsafe key that is not allowed', async () => {
    await expect(verifyProof(proofs[scheme], keys[scheme].verification)).rejects.toThrow('zk/unsafe-key')
  })

  test('comes back from JSON, which says what the key says of itself', async () => {
    const json = encodeProof(proofs[scheme])
    expect(new TextDecoder().decode(json)).toContain('"setUp":"unsafe"')
    expect(decodeProof(json)).toEqual(proofs[scheme])
    expect(await verify(decodeProof(json))).toEqual(proofs[scheme].publics)
    expect(() => decodeProof(json.subarray(0, 100))).toThrow('core/bad-json')
    const short = new TextDecoder().decode(json).replace(/"proof":"../, '"proof":"')
    expect(() => decodeProof(utf8(short))).toThrow(/zk\/bad-length|core\/bad-field/)
  })

  test('is not made from a witness that breaks a constraint, or of another circuit', async () => {
    const witness = circuit.witness(11n, 77n)
    await expect(prove(keys[scheme], witness.with(2, witness[2] + 1n))).rejects.toThrow(
      /zk\/(unsatisfied|prover-failed)/,
    )
    await expect(prove(keys[scheme], [...witness, 1n])).rejects.toThrow('zk/bad-length')
    await expect(prove(keys[scheme], witness.with(2, ORDER))).rejects.toThrow('zk/not-in-field')
    await expect(prove(others[scheme], witness)).rejects.toThrow(/zk\/(unsatisfied|prover-failed)/)
  })
})

test('a proof of one scheme is refused under a key of the other', async () => {
  for (const [a, b] of [SCHEMES, [...SCHEMES].reverse()] as const)
    await expect(verifyProof(proofs[a], keys[b].verification, allowed)).rejects.toThrow('zk/wrong-key')
})

function publicsFrom(signals: readonly string[]): Publics {
  const [statement, rootIn, rootOut, context] = signals.map(BigInt)
  return { statement, rootIn, rootOut, context }
}

function bytesFrom(scheme: Scheme, proof: SnarkObject): Uint8Array {
  if (scheme === 'plonk') {
    const points = ['A', 'B', 'C', 'Z', 'T1', 'T2', 'T3', 'Wxi', 'Wxiw'].flatMap((name) =>
      (proof[name] as string[]).slice(0, 2),
    )
    const values = ['eval_a', 'eval_b', 'eval_c', 'eval_s1', 'eval_s2', 'eval_zw'].map((name) => proof[name] as string)
    return wordsToBytes([...points, ...values].map(BigInt))
  }
  const { pi_a, pi_b, pi_c } = proof as { pi_a: string[]; pi_b: string[][]; pi_c: string[] }
  const [[x0, x1], [y0, y1]] = pi_b
  return wordsToBytes([pi_a[0], pi_a[1], x1, x0, y1, y0, pi_c[0], pi_c[1]].map(BigInt))
}

test('an inference of a perceptron with its weights baked: the proof says what the program computed', async () => {
  const model = perceptron([4, 3, 2])
  const { program, state, given } = model
  const made = circuitOf(program, { blocks: await loadBlocks(), given, baked: state })
  const { r1cs, wasm } = await compile(made)
  const key = await unsafeKey(r1cs)
  const step = { state, inputs: drawInput(model, draws(4), 3), context: 99n }
  const { outputs } = await (await reference().open(program, state)).step(step.inputs)
  const proof = await prove(key, (await generator(wasm)).witness(signalsOf(made, step)))
  const proven = await verifyProof(proof, key.verification, allowed)
  expect(proven).toEqual(publicsOf(made, { ...step, outputs }))
  const other = await unsafeKey((await tiny()).r1cs)
  await expect(verifyProof(proof, other.verification, allowed)).rejects.toThrow('zk/wrong-key')
}, 120_000)

test('a process that proved ends by itself', async () => {
  const script = fileURLToPath(new URL('./prove-and-end.ts', import.meta.url))
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  const child = fork(script, { execArgv: ['--import', tsx], stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  let said = ''
  child.stdout!.on('data', (data) => (said += String(data)))
  child.disconnect()
  const code = await new Promise((resolve) => {
    const timer = setTimeout(() => (child.kill('SIGKILL'), resolve('had to be ended')), 60_000)
    child.once('exit', (exit) => (clearTimeout(timer), resolve(exit)))
  })
  expect([code, said.trim()]).toEqual([0, 'proven 3 times'])
}, 90_000)
