/** Proofs of learning from somebody who wants the verifier to crash, to hang or to believe. */
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { prove, verify, type Proof } from '../../src/attest/learning.js'
import * as Proofs from '../../src/attest/proof.js'
import { utf8 } from '../../src/core/bytes.js'
import { FAULTS, Fault } from '../../src/core/faults.js'
import { decodeJson, encodeJson, type Json } from '../../src/core/json.js'
import * as Bundle from '../../src/receipt/bundle.js'
import * as Job from '../../src/receipt/job.js'
import * as Receipt from '../../src/receipt/receipt.js'
import { reference } from '../../src/runtime/reference.js'
import { alice, bob, fill } from '../receipt/samples.js'
import { nonceFor, trained } from './training.js'

const trust = { verifier: bob.address }
/** A verifier on a busy machine; a hang is minutes. */
const SECONDS = 10

let files: Map<string, Uint8Array>
beforeAll(async () => {
  const bundle = await trained({ steps: 10, commitEvery: 3, provider: alice, job: { salt: fill(5) } })
  const beacon = await nonceFor(bundle, bob, fill(9))
  files = Proofs.encode(await prove(bundle, reference(), { beacon, count: 2, trust }))
})

/** What becomes of a folder: a fault's code, or `valid`. Anything else that is thrown is thrown on. */
async function fateOf(changed: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const began = performance.now()
  try {
    await verify(await Proofs.decode(Bundle.readerOf(changed)), reference(), { trust })
    return 'valid'
  } catch (error) {
    if (!Fault.is(error)) throw error
    return error.code
  } finally {
    expect(performance.now() - began).toBeLessThan(1000 * SECONDS)
  }
}

/** The places in a JSON value, as paths. */
function placesOf(json: Json, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof json !== 'object' || json === null) return [path]
  const inner = Object.entries(json).flatMap(([key, value]) =>
    placesOf(value as Json, [...path, Array.isArray(json) ? Number(key) : key]),
  )
  return [path, ...inner]
}

/** The value with what stands at a path replaced; undefined: left out. */
function replaced(json: Json, path: readonly (string | number)[], change: (old: Json) => Json | undefined): Json {
  if (path.length === 0) return change(json) ?? null
  const [key, ...rest] = path
  const inside = (json as { readonly [key: string]: Json })[key]
  const next = rest.length === 0 ? change(inside) : replaced(inside, rest, change)
  if (Array.isArray(json))
    return json.flatMap((item: Json, i) => (i === key ? (next === undefined ? [] : [next]) : [item]))
  const entries = Object.entries(json as { readonly [key: string]: Json }).filter(([name]) => name !== key)
  return Object.fromEntries(next === undefined ? entries : [...entries, [key as string, next]])
}

const deepList = (depth: number): Json => {
  let json: Json = []
  for (let i = 0; i < depth; i++) json = [json]
  return json
}

/** Values that a careless reader trips over. */
const HOSTILE: readonly Json[] = [
  null,
  true,
  0,
  -1,
  0.5,
  1e308,
  2 ** 32,
  2 ** 53,
  '',
  '0',
  '00',
  '-1',
  '0x',
  '1e3',
  '18446744073709551615',
  '9007199254740993',
  '340282366920938463463374607431768211456',
  'zz',
  'f'.repeat(64),
  '0'.repeat(64),
  'a'.repeat(100_000),
  '\u0000',
  '__proto__',
  [],
  [[]],
  {},
  Object.fromEntries([['__proto__', { polluted: true }]]) as Json,
  { length: 1e9 },
  deepList(20),
  Array.from({ length: 5000 }, () => '0'.repeat(64)),
]

/** What is done to a value in its place. */
const CHANGES: readonly (readonly [string, (old: Json) => Json | undefined])[] = [
  ['left out', () => undefined],
  ['twice', (old) => (Array.isArray(old) ? [...old, ...old] : [old, old])],
  ['last one twice', (old) => (Array.isArray(old) && old.length > 0 ? [...old, old[old.length - 1]] : [])],
  [
    'reversed',
    (old) => (Array.isArray(old) ? [...old].reverse() : typeof old === 'string' ? [...old].reverse().join('') : old),
  ],
  ['shorter', (old) => (Array.isArray(old) ? old.slice(1) : typeof old === 'string' ? old.slice(2) : null)],
  ['negative', (old) => (typeof old === 'number' ? -old : typeof old === 'string' ? `-${old}` : old)],
  [
    'one more',
    (old) => (typeof old === 'number' ? old + 1 : /^[0-9]+$/.test(String(old)) ? `${BigInt(String(old)) + 1n}` : old),
  ],
  [
    'another field',
    (old) => (typeof old === 'object' && old !== null && !Array.isArray(old) ? { ...old, more: 1 } : old),
  ],
  ...HOSTILE.map((value, i) => [`hostile ${i}`, () => value] as const),
]

describe.each(['learning.json', 'receipt.json'])('%s with anything in it replaced', (name) => {
  test('is refused by a named fault, within seconds; the untouched one is valid', { timeout: 60_000 }, async () => {
    expect(await fateOf(files)).toBe('valid')
    const json = decodeJson(files.get(name)!)
    const places = placesOf(json)
    const faults = new Set<string>()
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...places), fc.constantFrom(...CHANGES), async (path, [, change]) => {
        const bytes = encodeJson(replaced(json, path, change))
        const same = bytes === encodeJson(json)
        const fate = await fateOf(new Map(files).set(name, utf8(bytes)))
        expect(fate === 'valid').toBe(same)
        if (!same) faults.add(fate)
      }),
      { numRuns: 400 },
    )
    for (const fault of faults) expect(Object.keys(FAULTS)).toContain(fault)
    expect(faults.size).toBeGreaterThan(5)
  })
})

describe('numbers that the prover states', () => {
  const stated: readonly (readonly [string, readonly (string | number)[], Json])[] = [
    ['no leaf drawn', ['count'], 0],
    ['four thousand million leaves drawn', ['count'], 2 ** 32 - 1],
    ['a leaf beyond the run', ['challenges', 0, 'leaf'], '4'],
    ['a leaf beyond every run', ['challenges', 0, 'leaf'], '9007199254740991'],
    ['a leaf that memory cannot count', ['challenges', 0, 'leaf'], '18446744073709551615'],
    ['a shown leaf beyond the run', ['openings', 0, 'leaf', 'index'], '9007199254740991'],
  ]
  test.each(stated)('%s: refused by name', async (_name, path, value) => {
    const json = replaced(decodeJson(files.get('learning.json')!), path, () => value)
    const fate = await fateOf(new Map(files).set('learning.json', utf8(encodeJson(json))))
    expect(['core/bad-number', 'bundle/wrong-size', 'attest/wrong-challenge', 'merkle/index-out-of-range']).toContain(
      fate,
    )
  })

  test.each([
    ['steps', '9007199254740991'],
    ['steps', '18446744073709551615'],
    ['commitEvery', '18446744073709551615'],
    ['commitEvery', '1'],
  ])('a job of other %s (%s) than was signed is refused', async (field, value) => {
    const json = replaced(decodeJson(files.get('receipt.json')!), ['job', field], () => value)
    expect(await fateOf(new Map(files).set('receipt.json', utf8(encodeJson(json))))).not.toBe('valid')
  })
})

describe('jobs of absurd sizes that their provider signs itself', () => {
  test.each([
    ['every step a leaf of its own', 2n ** 53n - 1n, 1n],
    ['all steps in one leaf', 2n ** 53n - 1n, 2n ** 53n - 1n],
    ['more steps than a number holds', 2n ** 64n - 1n, 2n ** 60n],
    ['more steps to a leaf than there are', 10n, 2n ** 64n - 1n],
  ])('%s: refused by a named fault, in memory and as files', async (_name, steps, commitEvery) => {
    const proof = await Proofs.decode(Bundle.readerOf(files))
    const { job, policy, receipt, metadata } = proof.receipt
    const absurd = Job.unrequested(Job.from({ ...job, steps, commitEvery }), policy)
    const claim = { ...receipt.claim, job: Job.hash(absurd.job) }
    const sealed = { sealSet: receipt.sealSet, salt: metadata.sealSalt! }
    const signed = await Receipt.sign(claim, alice, { job: absurd, metadata, issuedAt: 1, sealed })
    const beacon = await nonceFor({ receipt: signed }, bob, fill(9))
    for (const count of [1, 2, 2 ** 20, 2 ** 32 - 1]) {
      const changed: Proof = { ...proof, receipt: signed, beacon, count }
      await expect(verify(changed, reference(), { trust })).rejects.toBeInstanceOf(Fault)
      expect(await fateOf(Proofs.encode(changed))).not.toBe('valid')
    }
  })
})

test('lists a million deep are refused before they are read', async () => {
  const text = utf8('['.repeat(1_000_000))
  for (const name of ['learning.json', 'receipt.json'])
    expect(await fateOf(new Map(files).set(name, text))).toMatch(/^(core\/too-large|bundle\/wrong-size)$/)
})

describe.each(['program.bin', 'schedule.bin', 'rules.bin'])('%s', (name) => {
  test('cut off, with more behind it, with words exchanged or of all ones is refused by a named fault', async () => {
    const bytes = files.get(name)!
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.constantFrom<(from: Uint8Array, at: number) => Uint8Array>(
          (from, at) => from.subarray(0, at),
          (from, at) => Uint8Array.from([...from, ...from.subarray(0, at + 1)]),
          (from, at) => from.map((byte, i) => (i >= at && i < at + 4 ? 0xff : byte)),
          (from, at) => from.map((byte, i) => (i >= at && i < at + 32 ? 0xff : byte)),
          (from, at) => from.map((byte, i) => (i >= at && i < at + 8 ? 0 : byte)),
          (from, at) => from.map((_, i) => from[(i + at) % from.length]),
        ),
        async (at, change) => {
          const changed = change(bytes, at)
          const same = changed.length === bytes.length && changed.every((byte, i) => byte === bytes[i])
          const fate = await fateOf(new Map(files).set(name, changed))
          expect(fate === 'valid').toBe(same)
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('files of a folder', () => {
  test('left out, empty or exchanged for each other are refused by a named fault', async () => {
    const paths = [...files.keys()]
    for (const [i, path] of paths.entries()) {
      const without = new Map(files)
      without.delete(path)
      expect(await fateOf(without), path).toBe('bundle/missing-file')
      expect(await fateOf(new Map(files).set(path, new Uint8Array()))).not.toBe('valid')
      const other = files.get(paths[(i + 1) % paths.length])!
      expect(await fateOf(new Map(files).set(path, other))).not.toBe('valid')
    }
  })

  test.each([
    '../receipt.json',
    'objects/../receipt.json',
    'objects/',
    '__proto__',
    'learning.json/',
    `objects/${'A'.repeat(64)}`,
  ])('named %s do not belong', async (path) =>
    expect(await fateOf(new Map(files).set(path, utf8('{}')))).toBe('bundle/unexpected-file'),
  )
})
