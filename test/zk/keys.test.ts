import { beforeAll, describe, expect, test } from 'vitest'
import { concat, equal, toHex, utf8 } from '../../src/core/bytes.js'
import { decodeJson } from '../../src/core/json.js'
import { sha256 } from '../../src/core/sha256.js'
import { withCurve, written } from '../../src/zk/curve.js'
import {
  checkKey,
  contribute,
  decodeVerificationKey,
  demandSound,
  encodeVerificationKey,
  powerOf,
  provingKeyOf,
  setUp,
  unsafeKey,
  type ProvingKey,
} from '../../src/zk/keys.js'
import { unsafePowers } from '../../src/zk/powers.js'
import { decodeSystem } from '../../src/zk/r1cs.js'
import { decodeSections, encodeSections, marked, section } from '../../src/zk/sections.js'
import { unsafeFirstKey } from '../../src/zk/unsafe-setup.js'
import { verificationKey, type Groth16Key, type PlonkKey } from '../../src/zk/verification-key.js'
import { decodeZkey } from '../../src/zk/zkey.js'
import { draws } from '../../bench/zk-models.js'
import { ceremonyPowers, tiny, tinyPowers, type Tiny } from './tiny.js'

let circuit: Tiny
let powers: Uint8Array
let key: ProvingKey
let plonk: ProvingKey

beforeAll(async () => {
  circuit = await tiny()
  powers = await tinyPowers()
  key = await unsafeKey(circuit.r1cs, { powers })
  plonk = await unsafeKey(circuit.r1cs, { powers, scheme: 'plonk' })
}, 60_000)

const check = (zkey: Uint8Array, more: Partial<Parameters<typeof checkKey>[1]> = {}) =>
  checkKey(zkey, { r1cs: circuit.r1cs, powers, allowUnsafe: true, ...more })

/** The file with one section changed. */
function altered(zkey: Uint8Array, id: number, change: (bytes: Uint8Array) => Uint8Array | void): Uint8Array {
  const sections = [...decodeSections(zkey, 'zkey')].map(([key, body]): [number, Uint8Array] => {
    if (key !== id) return [key, body]
    const copy = body.slice()
    return [key, change(copy) ?? copy]
  })
  return encodeSections('zkey', sections)
}

const flip = (at: number) => (bytes: Uint8Array) => void (bytes[at] ^= 1)

describe('development keys', () => {
  test.each(['groth16', 'plonk'] as const)(
    'of %s are the same bytes every time, with a check passed',
    async (scheme) => {
      const again = await unsafeKey(circuit.r1cs, { scheme, powers })
      const first = scheme === 'plonk' ? plonk : key
      expect(equal(again.verification.hash, first.verification.hash)).toBe(true)
      expect(equal(again.zkey, first.zkey)).toBe(true)
      expect((await check(again.zkey)).verification).toEqual(first.verification)
    },
  )

  test('say unsafe in the file, in the JSON and in every refusal', async () => {
    for (const { verification, zkey } of [key, plonk]) {
      expect(verification.setUp).toBe('unsafe')
      expect(new TextDecoder().decode(section(decodeSections(zkey, 'zkey'), 0x6373))).toContain('unsafe')
      expect(decodeJson(encodeVerificationKey(verification))).toMatchObject({ setUp: 'unsafe' })
      expect(() => demandSound(verification)).toThrow(/unsafe.*\(zk\/unsafe-key\)/)
      expect(() => demandSound(verification, { allowUnsafe: true })).not.toThrow()
      await expect(check(zkey, { allowUnsafe: false })).rejects.toThrow('zk/unsafe-key')
    }
  })

  test('are known by their points, whatever they say of themselves', async () => {
    const said = { setUp: 'ceremony', contributions: 9 } as const
    const relabelled = [
      verificationKey('groth16', (key.verification as Groth16Key).points, said),
      verificationKey('plonk', (plonk.verification as PlonkKey).points, said),
    ]
    for (const one of relabelled) {
      expect(one.setUp).toBe('ceremony')
      expect(() => demandSound(one)).toThrow('zk/unsafe-key')
      expect(() => demandSound(decodeVerificationKey(encodeVerificationKey(one)))).toThrow('zk/unsafe-key')
    }
    const unmarked = [...decodeSections(key.zkey, 'zkey')].filter(([id]) => id !== 0x6373)
    const zkey = encodeSections('zkey', unmarked)
    expect(provingKeyOf(zkey).verification.setUp).toBe('unsafe')
    await expect(check(zkey, { allowUnsafe: false })).rejects.toThrow('zk/unsafe-key')
  })

  test('stay unsafe when secrets are contributed to them', async () => {
    const more = await contribute(key.zkey, { name: 'alice', entropy: 'dice' })
    const { verification } = await check(more)
    expect(verification).toMatchObject({ setUp: 'unsafe', contributions: 2 })
    await expect(check(more, { allowUnsafe: false })).rejects.toThrow('zk/unsafe-key')
  })
})

describe('keys of a ceremony', () => {
  let real: Uint8Array
  let first: Uint8Array
  beforeAll(async () => {
    real = await ceremonyPowers()
    first = await setUp(circuit.r1cs, real)
  }, 60_000)
  const checkReal = (zkey: Uint8Array, more: Partial<Parameters<typeof checkKey>[1]> = {}) =>
    checkKey(zkey, { r1cs: circuit.r1cs, powers: real, pins: { powers: toHex(sha256(real)) }, ...more })

  test('pass with their contributions counted, with pins and without', async () => {
    let zkey = first
    for (const [i, name] of ['alice', 'bob'].entries()) {
      zkey = await contribute(zkey, { name, entropy: `dice ${i}` })
      const pins = { zkey: toHex(sha256(zkey)), powers: toHex(sha256(real)), r1cs: toHex(sha256(circuit.r1cs)) }
      const { verification } = await checkReal(zkey, { pins })
      expect(verification).toMatchObject({ setUp: 'ceremony', contributions: i + 1 })
      expect(() => demandSound(verification)).not.toThrow()
    }
    expect((await checkReal(zkey, { pins: {} })).verification.contributions).toBe(2)
  })

  test('of PLONK pass without contributions', async () => {
    const zkey = await setUp(circuit.r1cs, real, { scheme: 'plonk' })
    const { verification } = await checkReal(zkey)
    expect(verification).toMatchObject({ scheme: 'plonk', setUp: 'ceremony', contributions: 0 })
    await expect(contribute(zkey, { name: 'alice', entropy: 'dice' })).rejects.toThrow('zk/wrong-key')
  })

  test("with nobody's contribution are refused: gamma is delta", async () => {
    await expect(checkReal(first)).rejects.toThrow('zk/forgeable-key')
  })

  test('with a beacon and no secret are refused', async () => {
    const beacon = await withCurve(({ zKey }) => written((to) => zKey.beacon(first, to, 'public', 'aa'.repeat(32), 10)))
    await expect(checkReal(beacon)).rejects.toThrow('zk/no-contribution')
    const both = await contribute(beacon, { name: 'alice', entropy: 'dice' })
    expect((await checkReal(both)).verification.contributions).toBe(2)
  })

  test('whose delta was changed without a contribution are refused', async () => {
    const zkey = await contribute(first, { name: 'alice', entropy: 'dice' })
    const none = altered(zkey, 10, () => concat(section(decodeSections(first, 'zkey'), 10)))
    await expect(checkReal(none)).rejects.toThrow('zk/no-contribution')
  })

  test('that name another hash than the pinned one are refused before anything is read', async () => {
    const zkey = await contribute(first, { name: 'alice', entropy: 'dice' })
    for (const name of ['zkey', 'powers', 'r1cs'] as const)
      await expect(checkReal(zkey, { pins: { [name]: '00'.repeat(32) } })).rejects.toThrow(
        `another file of ${name} (zk/wrong-hash)`,
      )
    await expect(checkReal(utf8('nothing'), { pins: { zkey: '00'.repeat(32) } })).rejects.toThrow('zk/wrong-hash')
  })

  test('of another circuit or of other powers are refused', async () => {
    const zkey = await contribute(first, { name: 'alice', entropy: 'dice' })
    const other = await tiny(5)
    await expect(checkReal(zkey, { r1cs: other.r1cs })).rejects.toThrow('zk/wrong-key')
    await expect(checkReal(zkey, { powers, pins: {}, allowUnsafe: true })).rejects.toThrow('zk/wrong-key')
    await expect(checkReal(zkey, { powers, pins: {} })).rejects.toThrow('zk/unsafe-key')
    const plonkKey = await setUp(circuit.r1cs, real, { scheme: 'plonk' })
    await expect(checkReal(plonkKey, { r1cs: other.r1cs })).rejects.toThrow('zk/wrong-key')
    await expect(checkReal(plonkKey, { powers, pins: {}, allowUnsafe: true })).rejects.toThrow('zk/wrong-key')
  })
})

describe('hostile files', () => {
  test('powers too small for the circuit are refused before any work', async () => {
    expect([powerOf(circuit.r1cs), powerOf(circuit.r1cs, 'plonk')]).toEqual([4, 3])
    const small = await unsafePowers(2)
    const lines: string[] = []
    for (const scheme of ['groth16', 'plonk'] as const)
      await expect(setUp(circuit.r1cs, small, { scheme, progress: (line) => lines.push(line) })).rejects.toThrow(
        /expected 2\^[34]; found 2\^2/,
      )
    await expect(check(key.zkey, { powers: small })).rejects.toThrow('zk/powers-too-small')
    expect(lines).toEqual([])
  })

  test('the gates counted for PLONK are those that snarkjs makes', async () => {
    const { r1cs } = circuit
    expect(decodeZkey(plonk.zkey).domain).toBe(2 ** powerOf(r1cs, 'plonk'))
    const lines: string[] = []
    await setUp(r1cs, powers, { scheme: 'plonk', progress: (line) => lines.push(line) })
    expect(lines.join()).toContain('Plonk constraints:')
  })

  test('a byte changed in any section of a key is refused by name', async () => {
    for (const { zkey } of [key, plonk])
      for (const [id, body] of decodeSections(zkey, 'zkey')) {
        if (id === 0x6373) continue
        for (const at of new Set(id === 2 || id === 10 ? [body.length >> 1, body.length - 1] : [body.length >> 1]))
          if (at >= 0 && at < body.length) {
            const failure = await check(altered(zkey, id, flip(at))).catch((error: unknown) => error)
            expect(String(failure), `section ${id}, byte ${at}`).toMatch(/^Fault: .*\(zk\//)
          }
      }
  }, 240_000)

  test('a key cut anywhere is a fault and no crash', async () => {
    const draw = draws(3)
    for (const { zkey } of [key, plonk])
      for (let i = 0; i < 200; i++) expect(() => provingKeyOf(zkey.subarray(0, draw() % zkey.length))).toThrow('zk/')
  })

  test('sizes that lie are refused before memory is taken', () => {
    const header = (at: number, value: number) =>
      altered(key.zkey, 2, (bytes) => new DataView(bytes.buffer).setUint32(at, value, true))
    for (const at of [72, 76, 80])
      for (const value of [0, 3, 2 ** 31, 2 ** 32 - 1]) expect(() => provingKeyOf(header(at, value))).toThrow('zk/')
    const long = key.zkey.slice()
    new DataView(long.buffer).setBigUint64(16, 2n ** 62n, true)
    expect(() => provingKeyOf(long)).toThrow('zk/bad-file')
    new DataView(long.buffer).setUint32(8, 2 ** 32 - 1, true)
    expect(() => provingKeyOf(long)).toThrow('zk/bad-file')
  })

  test('a constraint system with a byte changed anywhere is refused, or gives a key of its own', async () => {
    const draw = draws(6)
    for (let i = 0; i < 30; i++) {
      const changed = circuit.r1cs.slice()
      const at = draw() % changed.length
      changed[at] ^= 1 << (draw() % 8)
      const outcome = await check(key.zkey, { r1cs: changed }).catch(String)
      if (typeof outcome === 'string') expect(outcome, `byte ${at}`).toMatch(/^Fault: .*\(zk\//)
      else expect(outcome.verification).toEqual(key.verification) // labels of wires, which nothing is made of
    }
  }, 120_000)

  test('a constraint system that says it has 2^32 wires is refused before memory is taken', async () => {
    const changed = circuit.r1cs.slice()
    const view = new DataView(changed.buffer)
    const wires = [...Array(changed.length - 4).keys()].find(
      (at) => view.getUint32(at, true) === decodeSystem(circuit.r1cs).wires && view.getUint32(at + 4, true) === 3,
    )!
    view.setUint32(wires, 2 ** 31, true)
    for (const scheme of ['groth16', 'plonk'] as const)
      await expect(unsafeKey(changed, { scheme })).rejects.toThrow('zk/bad-r1cs')
    await expect(check(key.zkey, { r1cs: changed })).rejects.toThrow('zk/bad-r1cs')
  })

  test('a beacon that asks for 2^63 rounds is refused at once', () => {
    const body = section(decodeSections(key.zkey, 'zkey'), 10)
    const at = body.findLastIndex((byte, i) => byte === 2 && body[i + 1] === 10 && body[i + 2] === 3)
    const endless = altered(key.zkey, 10, (bytes) => void (bytes[at + 1] = 63))
    expect(() => provingKeyOf(endless)).toThrow('a beacon of 2^63 rounds (zk/bad-file)')
  })

  test('a mark of ours changes nothing of a key but its name', () => {
    expect(equal(marked(key.zkey, 'zkey'), key.zkey)).toBe(true)
  })
})

describe('verification keys as JSON', () => {
  test.each(['groth16', 'plonk'] as const)('%s comes back as it was', (scheme) => {
    const { verification } = scheme === 'plonk' ? plonk : key
    expect(decodeVerificationKey(encodeVerificationKey(verification))).toEqual(verification)
  })

  test.each(['groth16', 'plonk'] as const)('%s with a changed word is refused, or another key', (scheme) => {
    const { verification } = scheme === 'plonk' ? plonk : key
    const text = new TextDecoder().decode(encodeVerificationKey(verification))
    for (const [word] of text.matchAll(/"\d{20,}"/g)) {
      const changed = text.replace(word, `"${BigInt(word.slice(1, -1)) + 1n}"`)
      if (/"k[12]"/.test(text.slice(text.indexOf(word) - 5, text.indexOf(word)))) continue // a scalar has no curve to leave
      expect(() => decodeVerificationKey(utf8(changed))).toThrow('zk/')
    }
  })
})

test('circuits that differ only between private wires have keys of their own', async () => {
  const other = await unsafeKey((await tiny(5)).r1cs, { powers })
  const [ours, theirs] = [key.verification, other.verification] as Groth16Key[]
  expect(theirs.points.ic).toEqual(ours.points.ic)
  expect(theirs.points.delta).not.toEqual(ours.points.delta)
  expect(equal(theirs.hash, ours.hash)).toBe(false)
})

test('development keys are computed from the secrets as snarkjs makes them from the powers, byte for byte', async () => {
  for (const factor of [1, 3, 5]) {
    const { r1cs } = await tiny(factor)
    const power = powerOf(r1cs)
    const ours = await unsafeFirstKey(decodeSystem(r1cs), power)
    expect(equal(ours, await setUp(r1cs, await unsafePowers(power + 1)))).toBe(true)
  }
})

test('powers of a ceremony give no unsafe key', async () => {
  const real = await ceremonyPowers()
  for (const scheme of ['groth16', 'plonk'] as const)
    await expect(unsafeKey(circuit.r1cs, { scheme, powers: real })).rejects.toThrow('zk/wrong-key')
})
