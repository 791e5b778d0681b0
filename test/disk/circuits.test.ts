/**
 * Proving kits as folders: what is written is read back, and what was altered is refused by name.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { perceptron } from '../../bench/zk-models.js'
import { fromHex, utf8 } from '../../src/core/bytes.js'
import { decodeJson, encodeJson, type Json } from '../../src/core/json.js'
import { tensor } from '../../src/core/tensor.js'
import {
  draftCircuit,
  readKit,
  recordOf,
  writeKit,
  decodeCircuit,
  encodeCircuit,
  type Kit,
} from '../../src/disk/index.js'
import { reference } from '../../src/runtime/reference.js'
import { compile } from '../../src/zk/compile.js'
import { provingKeyOf, setUp, unsafeKey } from '../../src/zk/keys.js'
import { unsafePowers } from '../../src/zk/powers.js'
import { prove, verifyProof } from '../../src/zk/prove.js'
import { publicsOf } from '../../src/zk/publics.js'
import { generator, signalsOf } from '../../src/zk/witness.js'

let top: string
let kit: Kit
let initial: Kit
const folder = (name: string) => join(top, name)

const model = perceptron([4, 2])
const other = perceptron([3, 2], { seed: 9 })

async function compiled({ program, state }: typeof model): Promise<Omit<Kit, 'zkey' | 'verification'>> {
  const drafted = await draftCircuit(program, { scheme: 'groth16', baked: state, salted: { inputs: true } })
  const { r1cs, wasm } = await compile(drafted.circuit)
  return { ...drafted, r1cs, wasm }
}

beforeAll(async () => {
  top = mkdtempSync(join(tmpdir(), 'kits-'))
  const powers = await unsafePowers(11)
  const [one, two] = [await compiled(model), await compiled(other)]
  kit = { ...one, ...(await unsafeKey(one.r1cs, { powers })) }
  await writeKit(kit, folder('kit'))
  initial = { ...two, zkey: await setUp(two.r1cs, powers), verification: undefined }
  // As far as files go, the key of the other circuit before anybody contributed is one of another circuit.
  await writeKit({ ...two, ...provingKeyOf(initial.zkey) }, folder('other'))
}, 120_000)
afterAll(() => rmSync(top, { recursive: true }))

/** A copy of the kit with one file altered. */
async function altered(name: string, change: (bytes: Uint8Array) => Uint8Array): Promise<string> {
  const copy = folder(`altered-${Math.random()}`)
  await cp(folder('kit'), copy, { recursive: true })
  writeFileSync(join(copy, name), change(new Uint8Array(readFileSync(join(copy, name)))))
  return copy
}

const flipped = (at: number) => (bytes: Uint8Array) => {
  const changed = bytes.slice()
  changed[at < 0 ? bytes.length + at : at] ^= 1
  return changed
}

const ofOther = (name: string) => () => new Uint8Array(readFileSync(join(folder('other'), name)))

describe('a kit', () => {
  test('is read back as it was written, and proves a run', async () => {
    const found = await readKit(folder('kit'))
    expect(found.circuit).toEqual(kit.circuit)
    expect(recordOf(found)).toEqual(recordOf(kit))
    const input = tensor('int8', [1, 4], [1, -2, 3, 127])
    const session = await reference().open(model.program, model.state)
    const { outputs } = await session.step([input])
    const run = { state: model.state, inputs: [input], outputs, context: 5n, salts: { inputs: 1n << 200n } }
    const witness = (await generator(found.wasm)).witness(signalsOf(found.circuit, run))
    const proof = await prove({ verification: found.verification!, zkey: found.zkey }, witness)
    const publics = await verifyProof(proof, found.verification!, { allowUnsafe: true })
    expect(publics).toEqual(publicsOf(kit.circuit, run))
  }, 60_000)

  test('names a development key unsafe, and one that waits for contributions initial', async () => {
    await writeKit(initial, folder('initial'))
    expect(readdirSync(folder('kit'))).toContain('unsafe.zkey')
    expect(readdirSync(folder('initial'))).toContain('initial.zkey')
    expect(readdirSync(folder('initial'))).not.toContain('verification-key.json')
    expect((await readKit(folder('initial'))).verification).toBe(undefined)
  })

  test('holds no salt but that of baked weights, and none of it in the description', async () => {
    const modelSalt = BigInt(`0x${'7e'.repeat(31)}`)
    const drafted = await draftCircuit(model.program, { scheme: 'groth16', baked: model.state, modelSalt })
    await writeKit({ ...kit, ...drafted }, folder('salted'))
    expect(readFileSync(join(folder('salted'), 'model.salt'), 'utf8')).toBe(`00${'7e'.repeat(31)}`)
    expect(readFileSync(join(folder('salted'), 'circuit.json'), 'utf8')).not.toContain('7e7e')
    expect((await readKit(folder('salted'))).choice.modelSalt).toBe(modelSalt)
  })

  test('is never written over', async () => {
    await expect(writeKit(kit, folder('kit'))).rejects.toThrow('bundle/exists')
  })

  test('leaves nothing where writing fails', async () => {
    const broken = { ...kit, wasm: undefined as never }
    await expect(writeKit(broken, folder('broken'))).rejects.toThrow()
    expect(readdirSync(top).filter((name) => name.includes('broken'))).toEqual([])
  })
})

describe('a kit is refused', () => {
  const files = [
    'program.bin',
    'state.bin',
    'circuit.json',
    'main.r1cs',
    'main.wasm',
    'unsafe.zkey',
    'verification-key.json',
  ]
  test.each(files)('without its %s', async (name) => {
    const copy = await altered(name, (bytes) => bytes)
    rmSync(join(copy, name))
    await expect(readKit(copy)).rejects.toThrow(/cli\/not-found/)
  })

  test.each(['program.bin', 'main.r1cs', 'main.wasm', 'verification-key.json', 'unsafe.zkey'])(
    'with the %s of another kit',
    async (name) => {
      await expect(readKit(await altered(name, ofOther(name)))).rejects.toThrow('zk/bad-kit')
    },
  )

  test('with weights of another size, or with more bytes than its program has weights', async () => {
    await expect(readKit(await altered('state.bin', ofOther('state.bin')))).rejects.toThrow('trace/bad-state')
    const longer = await altered('state.bin', (bytes) => new Uint8Array(bytes.length + 1))
    await expect(readKit(longer)).rejects.toThrow('bundle/wrong-size')
  })

  test.each(['main.r1cs', 'main.wasm'])('with one bit of its %s flipped, wherever', async (name) => {
    for (const at of [0, 100, -1]) await expect(readKit(await altered(name, flipped(at)))).rejects.toThrow('zk/bad-kit')
  })

  test('with one weight altered: the circuit has it as a constant', async () => {
    await expect(readKit(await altered('state.bin', flipped(3)))).rejects.toThrow('zk/bad-kit')
  })

  const claims: readonly [string, (json: Record<string, Json>) => unknown][] = [
    ['another count of constraints', (json) => (json.constraints = 7)],
    ['inputs that nothing hides', (json) => (json.salted = { inputs: false, model: false, outputs: false })],
    ['a narrower input', (json) => (json.given = [{ name: 'x', lo: '0', hi: '1' }])],
    ['another root of the model', (json) => (json.model = '5')],
    ['another scheme', (json) => (json.scheme = 'plonk')],
    [
      'another layout of outputs',
      (json) => Object.assign((json.layouts as { outputs: { width: number }[] }).outputs[0], { width: 60 }),
    ],
    ['inputs of another name', (json) => Object.assign((json.inputs as { name: string }[])[0], { name: 'z' })],
  ]
  test.each(claims)('where its description says %s', async (_what, change) => {
    const copy = await altered('circuit.json', (bytes) => {
      const json = structuredClone(decodeJson(bytes)) as Record<string, Json>
      change(json)
      return utf8(encodeJson(json))
    })
    await expect(readKit(copy)).rejects.toThrow('zk/bad-kit')
  })
})

describe('a description', () => {
  test('is the same after it was written and read', () => {
    const record = recordOf({ ...kit, choice: { ...kit.choice, given: { x: { lo: -5n, hi: 9n } } } })
    expect(decodeCircuit(encodeCircuit(record))).toEqual(record)
  })

  const hostile: readonly [string, string, (json: Record<string, Json>) => unknown][] = [
    ['a field that nobody knows', 'core/unknown-field', (json) => (json.more = 1)],
    ['no program', 'core/missing-field', (json) => delete json.program],
    ['a version of later', 'core/unknown-version', (json) => (json.version = 2)],
    ['a tensor beyond all memory', 'core/bad-field', (json) => (layoutIn(json).dims = [2 ** 30, 2 ** 30])],
    ['elements of 65 bits', 'zk/unsupported', (json) => (layoutIn(json).width = 65)],
    ['floats in a commitment', 'zk/unsupported', (json) => (layoutIn(json).dtype = 'float32')],
    ['a root beyond the order of the field', 'core/bad-field', (json) => (json.model = '2'.repeat(77))],
    ['a root of weights that come later', 'core/bad-field', (json) => (json.committed = true)],
  ]
  const layoutIn = (json: Record<string, Json>) => (json.layouts as { inputs: Record<string, Json>[] }).inputs[0]
  test.each(hostile)('with %s is refused', (_what, fault, change) => {
    const json = structuredClone(decodeJson(encodeCircuit(recordOf(kit)))) as Record<string, Json>
    change(json)
    expect(() => decodeCircuit(utf8(encodeJson(json)))).toThrow(fault)
  })

  test('that is no canonical JSON is refused', () => {
    expect(() => decodeCircuit(utf8(` ${new TextDecoder().decode(encodeCircuit(recordOf(kit)))}`))).toThrow(
      'core/bad-json',
    )
    expect(() => decodeCircuit(fromHex('ff'))).toThrow('core/bad-json')
  })
})
