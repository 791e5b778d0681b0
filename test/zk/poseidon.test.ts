import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ORDER, fromBytes, inverse, power, reduce, signed, toBytes } from '../../src/zk/field.js'
import { parametersFor, poseidon } from '../../src/zk/poseidon.js'
import { constantsFile } from '../../scripts/poseidon-constants.js'
import { build } from './bare.js'

const elements = fc.bigInt({ min: 0n, max: ORDER - 1n })

test('the field: inverses, representatives and bytes go both ways', () => {
  fc.assert(
    fc.property(elements, (x) => {
      if (x !== 0n) expect((x * inverse(x)) % ORDER).toBe(1n)
      if (x !== 0n) expect(power(x, ORDER - 2n)).toBe(inverse(x))
      expect(reduce(signed(x))).toBe(x)
      expect(fromBytes(toBytes(x))).toBe(x)
    }),
  )
})

test('numbers that are not below the order are no field elements', () => {
  expect(() => toBytes(ORDER)).toThrow('zk/not-in-field')
  expect(() => toBytes(-1n)).toThrow('zk/not-in-field')
  expect(() => inverse(ORDER)).toThrow('zk/not-in-field')
  expect(() => poseidon([ORDER])).toThrow('zk/not-in-field')
  expect(() => poseidon([])).toThrow('zk/bad-length')
  expect(() => poseidon(Array<bigint>(17).fill(0n))).toThrow('zk/bad-length')
})

test('hashes are those of circomlibjs, for every number of inputs', async () => {
  const { buildPoseidonReference } = await import('circomlibjs')
  const reference = await buildPoseidonReference()
  for (let count = 1; count <= 16; count++) {
    const inputs = Array.from({ length: count }, (_, i) => (ORDER - 1n) / BigInt(i + 1))
    expect(poseidon(inputs)).toBe(reference.F.toObject(reference(inputs)))
  }
})

test('no two of the points behind a matrix are equal, so that every entry is an inverse', () => {
  for (const width of [3, 17]) expect(new Set(parametersFor(width).matrix.flat()).size).toBe(width * width)
})

test('the constants of the circuit are the parameters of the library', async () => {
  const file = new URL('../../circuits/poseidon-constants.circom', import.meta.url)
  expect(await readFile(file, 'utf8')).toBe(constantsFile())
})

/** circomlib's own circuit in one text. */
async function circomlib(count: number): Promise<string> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('circomlib/package.json')), 'circuits')
  const read = async (name: string) =>
    (await readFile(join(folder, name), 'utf8')).replace(/^(pragma|include).*$/gm, '')
  const parts = await Promise.all(['poseidon_constants.circom', 'poseidon.circom'].map(read))
  return `pragma circom 2.1.6;\n${parts.join('\n')}\ncomponent main = Poseidon(${count});\n`
}

test.each([
  { count: 2, partial: 57, constraints: 241 },
  { count: 16, partial: 68, constraints: 610 },
])(
  'the circuit for $count inputs hashes as circomlib’s, in $constraints constraints',
  async ({ count, partial, constraints }) => {
    const own = await build(
      `pragma circom 2.1.6;\ninclude "poseidon.circom";\ncomponent main = Poseidon(${count}, ${partial});\n`,
    )
    const other = await build(await circomlib(count))
    expect(own.system.constraints.length).toBe(constraints)
    expect(own.system.constraints.length).toBeLessThan(other.system.constraints.length)
    for (let round = 0; round < 5; round++) {
      const inputs = Array.from({ length: count }, (_, i) => (ORDER / BigInt(3 + i + round)) * BigInt(round))
      const results = [own, other].map(
        ({ generator }) => generator.witness(generator === own.generator ? { in: inputs } : { inputs })[1],
      )
      expect(results).toEqual([poseidon(inputs), poseidon(inputs)])
    }
  },
  60_000,
)
