import { beforeAll, describe, expect, test } from 'vitest'
import { compile } from '../../src/zk/compile.js'
import { decodeSystem, decodeWitness, encodeWitness, verifyWitness } from '../../src/zk/r1cs.js'
import { generator, type Generator } from '../../src/zk/witness.js'

const CIRCUIT = `pragma circom 2.1.6;
template Main() {
    signal input a;
    signal input b[2];
    signal output out;
    out <== a * b[0] + 3 * b[1];
}
component main {public [a]} = Main();
`

describe('constraint systems and witnesses', () => {
  let [r1cs, made]: [Uint8Array, Generator] = [new Uint8Array(), { witness: () => [] }]
  beforeAll(async () => {
    const compiled = await compile({ text: CIRCUIT })
    r1cs = compiled.r1cs
    made = await generator(compiled.wasm)
  }, 60_000)

  test('a witness keeps its system, and gives the public inputs', () => {
    const witness = made.witness({ a: [5n], b: [7n, -1n] })
    expect(verifyWitness(decodeSystem(r1cs), witness)).toEqual([32n, 5n])
  })

  test('a witness survives its file', () => {
    const witness = made.witness({ a: [5n], b: [7n, -1n] })
    expect(decodeWitness(encodeWitness(witness))).toEqual(witness)
  })

  test('a changed wire, another length and a wire beyond the order are refused', () => {
    const system = decodeSystem(r1cs)
    const witness = made.witness({ a: [5n], b: [7n, -1n] })
    expect(() => verifyWitness(system, witness.with(1, 33n))).toThrow('zk/unsatisfied')
    expect(() => verifyWitness(system, witness.slice(1))).toThrow('zk/bad-length')
    expect(() => verifyWitness(system, witness.with(0, 0n))).toThrow('zk/bad-length')
    expect(() => verifyWitness(system, witness.with(1, -1n))).toThrow('zk/not-in-field')
  })

  test('inputs of another name or number are refused', () => {
    expect(() => made.witness({ a: [5n], b: [7n] })).toThrow('zk/bad-length')
    expect(() => made.witness({ a: [5n], c: [7n] })).toThrow(/zk\//)
  })

  test('every shortened file, and every file with a changed header, is refused by name', () => {
    const file = encodeWitness(made.witness({ a: [5n], b: [7n, -1n] }))
    for (let length = 0; length < r1cs.length; length += 7)
      expect(() => decodeSystem(r1cs.subarray(0, length))).toThrow('zk/bad-r1cs')
    for (let length = 0; length < file.length; length += 7)
      expect(() => decodeWitness(file.subarray(0, length))).toThrow('zk/bad-r1cs')
    for (const at of [0, 4, 12, 28, 60])
      expect(() => decodeWitness(file.map((byte, i) => (i === at ? byte ^ 1 : byte)))).toThrow('zk/bad-r1cs')
  })

  test('text that is no circuit is refused with what the compiler says', async () => {
    await expect(compile({ text: 'template Main() { signal output out; out <== nothing; }' })).rejects.toThrow(
      'zk/compile-failed',
    )
  })

  test('a circuit beyond what the compiler holds is refused before it begins', async () => {
    await expect(compile({ text: CIRCUIT, constraints: 496_920 }, { timeout: 1 })).rejects.toThrow('zk/too-large')
  })

  test('a compiler that takes too long is ended', async () => {
    await expect(compile({ text: CIRCUIT }, { timeout: 1 })).rejects.toThrow('not done after 1 ms')
  })
})
