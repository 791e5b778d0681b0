import { beforeAll, describe, expect, test } from 'vitest'
import { concat, equal, toHex, utf8 } from '../../src/core/bytes.js'
import { sha256 } from '../../src/core/sha256.js'
import { withCurve, written } from '../../src/zk/curve.js'
import { rootOfUnity } from '../../src/zk/field.js'
import { checkKey, setUp } from '../../src/zk/keys.js'
import { negate, ONE1, ONE2, pairingsCancel, sumOf, type G1, type G2, type Term } from '../../src/zk/points.js'
import { checkPowers, decodePowers, SECRETS, unsafePowers } from '../../src/zk/powers.js'
import { decodeSections, demandPoints, encodeSections, Reader, section, type Sections } from '../../src/zk/sections.js'
import { DEVELOPMENT } from '../../src/zk/verification-key.js'
import { draws } from '../../bench/zk-models.js'
import { ceremonyPowers, tiny } from './tiny.js'

const POWER = 4
const N = 2 ** POWER
let file: Uint8Array
let sections: Sections

beforeAll(async () => {
  file = await unsafePowers(POWER)
  sections = decodeSections(file, 'ptau')
}, 60_000)

const points1 = (id: number): G1[] => {
  const reader = new Reader(section(sections, id))
  return Array.from({ length: section(sections, id).length / 64 }, () => reader.g1())
}
const points2 = (id: number): G2[] => {
  const reader = new Reader(section(sections, id))
  return Array.from({ length: section(sections, id).length / 128 }, () => reader.g2())
}

const sameRatio = (a: G1, b: G1, [c, d]: readonly [G2, G2]): boolean =>
  pairingsCancel([
    [a, d],
    [negate(b), c],
  ])

test('development powers of 2^8 are these bytes, every time', async () => {
  const [first, second] = [await unsafePowers(8), await unsafePowers(8)]
  expect(equal(first, second)).toBe(true)
  expect(toHex(sha256(first))).toBe('daca449e20c3154551d7bce3509fd4c9594464666e45bd65dd4617c2746edff9')
})

test('the file says unsafe in a section of its own', () => {
  expect(new TextDecoder().decode(section(sections, 0x6373))).toContain('unsafe')
})

test('each power in G1 is tau times the one before, by pairings alone', () => {
  const powers = points1(2)
  expect(powers).toHaveLength(2 * N - 1)
  expect(powers[0]).toEqual(ONE1)
  const draw = draws(5)
  const by = powers.slice(1).map(() => BigInt(draw()))
  const lower = sumOf(by.map((value, i): Term => [powers[i], value]))
  const upper = sumOf(by.map((value, i): Term => [powers[i + 1], value]))
  expect(sameRatio(lower, upper, [ONE2, decodePowers(file).tau2])).toBe(true)
  expect(sameRatio(lower, powers[1], [ONE2, decodePowers(file).tau2])).toBe(false)
})

test('powers in G2, alpha tau^i and beta tau^i agree with the powers in G1, by pairings alone', () => {
  const [powers, squares, alphas, betas, [beta2]] = [points1(2), points2(3), points1(4), points1(5), points2(6)]
  for (const list of [squares, alphas, betas]) expect(list).toHaveLength(N)
  for (let i = 0; i < N; i++) {
    expect(sameRatio(ONE1, powers[i], [ONE2, squares[i]])).toBe(true)
    expect(sameRatio(alphas[0], alphas[i], [ONE2, squares[i]])).toBe(true)
    expect(sameRatio(betas[0], betas[i], [ONE2, squares[i]])).toBe(true)
  }
  expect(sameRatio(ONE1, betas[0], [ONE2, beta2])).toBe(true)
})

test('the points that code knows development keys by are those of the file', () => {
  const { tau2, alpha, beta } = decodePowers(file)
  expect({ tau: tau2, alpha, beta }).toEqual(DEVELOPMENT)
  expect(alpha).toEqual(sumOf([[ONE1, SECRETS.alpha]]))
})

test('the Lagrange bases are the transforms of the powers, in every domain', () => {
  const cases = [
    [2, 12, POWER + 1],
    [4, 14, POWER],
    [5, 15, POWER],
  ]
  for (const [from, to, last] of cases) {
    const [powers, bases] = [points1(from), points1(to)]
    expect(bases).toHaveLength(2 ** (last + 1) - 1)
    for (let k = 0; k <= last; k++) {
      // sum over i of w^(i j) L_i = tau^j; the last power of the largest domain of tau is not in the file, and counts as zero
      const [n, at, j] = [2 ** k, 2 ** k - 1, 2 ** k - 1]
      const sum = sumOf(Array.from({ length: n }, (_, i): Term => [bases[at + i], rootOfUnity(k) ** BigInt(i * j)]))
      expect(sum).toEqual(powers[j] ?? [0n, 0n])
      if (n > 1) expect(sumOf(bases.slice(at, at + n).map((point): Term => [point, 1n]))).toEqual(powers[0])
    }
  }
})

test('the bases in G2 hold the same numbers as those in G1', () => {
  const [inG1, inG2] = [points1(12), points2(13)]
  inG2.forEach((point, i) => expect(sameRatio(ONE1, inG1[i], [ONE2, point])).toBe(true))
})

test('snarkjs prepares the same bases from the powers', async () => {
  const prepared = await withCurve((snarkjs) => {
    const { preparePhase2 } = snarkjs.powersOfTau as unknown as {
      preparePhase2(from: Uint8Array, to: object): Promise<void>
    }
    return written((to) => preparePhase2(file, to))
  })
  const theirs = decodeSections(prepared, 'ptau')
  for (const id of [1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15])
    expect(equal(section(theirs, id), section(sections, id))).toBe(true)
})

test.each([0, 21, 1.5, NaN])('powers of 2^%s are refused', async (power) => {
  await expect(unsafePowers(power)).rejects.toThrow('zk/powers-too-small')
})

test('a section that lacks a point is refused', () => {
  for (const id of [2, 3, 4, 5, 6, 12, 13, 14, 15]) {
    const short = [...sections].map(([key, body]): [number, Uint8Array] => [key, key === id ? body.slice(64) : body])
    expect(() => decodePowers(encodeSections('ptau', short))).toThrow('zk/bad-file')
    const without = [...sections].filter(([key]) => key !== id)
    expect(() => decodePowers(encodeSections('ptau', without))).toThrow('zk/bad-file')
  }
})

test('a file cut anywhere, of another kind or with bytes behind it is refused', () => {
  for (let length = 0; length < file.length; length += 97)
    expect(() => decodePowers(file.subarray(0, length))).toThrow('zk/bad-file')
  expect(() => decodePowers(concat(file, Uint8Array.of(0)))).toThrow('zk/bad-file')
  expect(() => decodePowers(concat(utf8('zkey'), file.subarray(4)))).toThrow('zk/bad-file')
})

test('a point beside the curve is found in a section of points', () => {
  const bytes = section(sections, 12).slice()
  demandPoints(bytes, 'a test')
  bytes[64 * 7] ^= 1
  expect(() => demandPoints(bytes, 'a test')).toThrow('point 7 of a test (zk/not-on-curve)')
  bytes.fill(255, 64, 96)
  expect(() => demandPoints(bytes, 'a test')).toThrow('zk/not-in-field')
})

describe('powers of a ceremony', () => {
  let real: Uint8Array
  beforeAll(async () => {
    real = await ceremonyPowers()
  }, 60_000)

  /** The file with a section changed. */
  const altered = (id: number, change: (bytes: Uint8Array) => Uint8Array | void): Uint8Array =>
    encodeSections(
      'ptau',
      [...decodeSections(real, 'ptau')].map(([key, body]): [number, Uint8Array] => {
        const copy = body.slice()
        return [key, key === id ? (change(copy) ?? copy) : body]
      }),
    )

  test('pass when every point and contribution is checked, or when their hash is the pinned one', async () => {
    const powers = await checkPowers(real)
    expect(powers).toMatchObject({ power: 4, contributions: 2, beacons: 0 })
    expect(await checkPowers(real, { pin: toHex(sha256(real)) })).toEqual(powers)
    await expect(checkPowers(real, { pin: '00'.repeat(32) })).rejects.toThrow('zk/wrong-hash')
  })

  test('cut to a smaller power, as ceremonies hand them out, pass as well', async () => {
    const [power, n] = [3, 8]
    const lengths: Record<number, number> = {
      2: 64 * (2 * n - 1),
      3: 128 * n,
      4: 64 * n,
      5: 64 * n,
      12: 64 * (4 * n - 1),
      13: 128 * (2 * n - 1),
      14: 64 * (2 * n - 1),
      15: 64 * (2 * n - 1),
    }
    const cut = [...decodeSections(real, 'ptau')].map(([id, body]): [number, Uint8Array] => [
      id,
      body.slice(0, lengths[id] ?? body.length),
    ])
    new DataView(cut[0][1].buffer).setUint32(36, power, true)
    const file = encodeSections('ptau', cut)
    expect(await checkPowers(file)).toMatchObject({ power, contributions: 2 })
    const { r1cs } = await tiny()
    const zkey = await setUp(r1cs, file, { scheme: 'plonk' })
    expect((await checkKey(zkey, { r1cs, powers: file })).verification.setUp).toBe('ceremony')
  })

  test('in which a point is another one are refused, in any section', async () => {
    for (const [id, size] of Object.entries({ 2: 64, 3: 128, 4: 64, 5: 64, 6: 128, 12: 64, 13: 128, 14: 64, 15: 64 })) {
      const other = section(decodeSections(file, 'ptau'), Number(id)).slice(-size) // a point of other powers
      const changed = altered(Number(id), (bytes) => bytes.set(other, bytes.length - size))
      await expect(checkPowers(changed), `section ${id}`).rejects.toThrow(/zk\/(wrong-key|unsafe-key)/)
      const none = altered(Number(id), (bytes) => void bytes.fill(0, bytes.length - size))
      await expect(checkPowers(none), `section ${id}`).rejects.toThrow(/zk\/(wrong-key|not-on-curve)/)
    }
  }, 120_000)

  test('that nobody contributed to are refused', async () => {
    await expect(checkPowers(altered(7, () => new Uint8Array(4)))).rejects.toThrow('zk/no-contribution')
  })

  test('whose contributions were changed are refused', async () => {
    for (const at of [4, 200, 700, 1500]) {
      const changed = altered(7, (bytes) => void (bytes[at] ^= 1))
      await expect(checkPowers(changed)).rejects.toThrow(/zk\/(wrong-key|prover-failed|bad-file)/)
    }
  })

  test('of a domain beyond the curve, or of more contributions than there are, are refused at once', () => {
    const lying = (at: number, value: number) =>
      altered(1, (bytes) => new DataView(bytes.buffer).setUint32(at, value, true))
    for (const value of [0, 3, 28, 64, 2 ** 32 - 1]) expect(() => decodePowers(lying(36, value))).toThrow('zk/bad-file')
    for (const value of [0, 3, 29, 2 ** 32 - 1]) expect(() => decodePowers(lying(40, value))).toThrow('zk/bad-file')
    for (const count of [1, 3, 999, 2 ** 32 - 1])
      expect(() => decodePowers(altered(7, (bytes) => new DataView(bytes.buffer).setUint32(0, count, true)))).toThrow(
        'zk/bad-file',
      )
  })
})

test('development powers are refused unless they are allowed, with their mark or without', async () => {
  const unmarked = encodeSections(
    'ptau',
    [...sections].filter(([id]) => id !== 0x6373),
  )
  for (const bytes of [file, unmarked]) {
    await expect(checkPowers(bytes)).rejects.toThrow('zk/unsafe-key')
    await expect(checkPowers(bytes, { pin: toHex(sha256(bytes)) })).rejects.toThrow('zk/unsafe-key')
    expect((await checkPowers(bytes, { allowUnsafe: true })).power).toBe(POWER)
  }
})
