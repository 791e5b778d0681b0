/**
 * Jobs on a chain from the command line, as its people use it: deploy, post, take, claim, challenge, watch, settle, withdraw.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mlp } from '../../examples/networks.js'
import { encode as encodeNpy } from '../../src/core/npy.js'
import { tensor } from '../../src/core/tensor.js'
import { fromHex, utf8 } from '../../src/core/bytes.js'
import { writeBundle } from '../../src/disk/index.js'
import { compile } from '../../src/exact/compile.js'
import { decode as decodeModel } from '../../src/onnx/decode.js'
import { encode } from '../../src/onnx/encode.js'
import * as Bundle from '../../src/receipt/bundle.js'
import * as Job from '../../src/receipt/job.js'
import { provide } from '../../src/receipt/provide.js'
import * as Signer from '../../src/receipt/signer.js'
import type { Runtime } from '../../src/runtime/runtime.js'
import { startNode, type EvmNode } from '../contracts/node.js'
import { lyingRuntime } from '../dispute/liar.js'
import { numbers } from '../trace/work.js'

const ROOT = new URL('../../', import.meta.url).pathname
const MAIN = ['--import', import.meta.resolve('tsx'), join(ROOT, 'src/cli/main.ts')]
const [REQUESTER, ALICE, MALLORY, WATCHER, STRANGER] = [1, 2, 3, 4, 5]
const keyOf = (account: number) => String(account).repeat(64)
const signerOf = (account: number) => Signer.fromKey(fromHex(keyOf(account)))
const addressOf = (account: number) => signerOf(account).address

let folder: string
let node: EvmNode
const at = (name: string) => join(folder, name)

interface Said {
  readonly status: number | null
  readonly ok: boolean
  readonly outcome: string
  readonly data: { readonly [key: string]: never } & { readonly fault?: string; readonly message?: string }
}

const environment = (account: number | undefined): NodeJS.ProcessEnv => ({
  ...process.env,
  COUNTERSIGN_KEY: account === undefined ? undefined : keyOf(account),
  COUNTERSIGN_RPC: node.url,
  NO_COLOR: '1',
})

/** Not waited for in one go: this process has to read meanwhile what the node logs. */
async function cli(words: readonly string[], account: number | undefined = REQUESTER): Promise<Said> {
  const child = spawn(process.execPath, [...MAIN, ...words, '--json'], {
    cwd: folder,
    env: environment(account),
    timeout: 120_000,
  })
  let [text, told] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()))
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
  expect(text, told).not.toBe('')
  return { status, ...(JSON.parse(text) as Omit<Said, 'status'>) }
}

/** The data of a command that must succeed. */
async function done(words: readonly string[], account?: number): Promise<Said['data']> {
  const said = await cli(words, account)
  expect(said.data.message, words.join(' ')).toBe(undefined)
  expect(said.status).toBe(0)
  return said.data
}

const running = new Set<ChildProcess>()

/** A command that runs until it is stopped, with what it says meanwhile. */
function start(words: readonly string[], account: number) {
  const child = spawn(process.execPath, [...MAIN, ...words], { cwd: folder, env: environment(account) })
  running.add(child)
  let [text, told] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()))
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  void ended.then(() => running.delete(child))
  return {
    async said(pattern: RegExp): Promise<void> {
      for (const end = Date.now() + 90_000; !pattern.test(told); await new Promise((next) => setTimeout(next, 50)))
        if (Date.now() > end || child.exitCode !== null) throw new Error(`never said ${pattern}: ${told}${text}`)
    },
    async interrupt(): Promise<{ status: number | null; text: string }> {
      child.kill('SIGINT')
      return { status: await ended, text }
    },
  }
}

const later = async (seconds: number) => {
  await node.provider.send('evm_increaseTime', [seconds])
  await node.provider.send('evm_mine', [])
}

const pixels = (seed: number) => tensor('float32', [1, 1, 8, 8], numbers(64, seed))
const model = () => encode(mlp({ hidden: 8, draw: (dims, deviation) => drawn(dims, deviation) }))
function drawn(dims: readonly number[], deviation: number) {
  const count = dims.reduce((a, b) => a * b, 1)
  return tensor(
    'float32',
    dims,
    numbers(count, count).map((one) => one * (deviation || 0.1)),
  )
}

/** A job over a picture, on the chain. */
async function posted(name: string, ...words: string[]): Promise<string> {
  const file = `${name}.json`
  await done([
    ...['job', 'new', 'model.onnx', '--input', 'x.npy', '--policy', 'optimistic:200000'],
    ...['--deployment', 'chain.json', '--out', file, '--program-out', `${name}.bin`, ...words],
  ])
  const data = await done(['job', 'post', file, '--program', `${name}.bin`, ...PAYS, ...DEPLOYMENT])
  return data.job
}

const DEPLOYMENT = ['--deployment', 'chain.json']
const PAYS = ['--payment', '0.3ether', '--stake', '0.1ether', '--bond', '5gwei', '--replay-time', '600']
const BY_REFERENCE = ['--runtime', 'reference', '--poll', '0.1', ...DEPLOYMENT]
const ETHER = 10n ** 18n
const coinsOf = async (account: number) => node.provider.getBalance(addressOf(account))

/** A runtime that shows outputs alone. */
function withoutValues(runtime: Runtime): Runtime {
  return {
    ...runtime,
    async open(...given) {
      const session = await runtime.open(...given)
      const { step } = session
      return Object.assign(session, {
        step: async (...inputs: Parameters<typeof step>) => ({ ...(await step(...inputs)), values: undefined }),
      })
    },
  }
}

/** What a liar hands in: everything in it fits together, one element is false. */
async function lyingBundle(jobFile: string, out: string): Promise<void> {
  const job = Job.decode(new Uint8Array(readFileSync(at(jobFile))))
  const { program, state } = compile(decodeModel(model()), { inputs: { pixels: pixels(9) } })
  const value = program.values.findIndex((one) => one.kind === 'node' && one.op === 'Relu')
  const liar = lyingRuntime({ step: 0, value, element: 3, flip: 1 << 22 }, 0)
  const runtime = job.job.operatorTrace ? liar : withoutValues(liar)
  const sealed = await provide({ program, state, inputs: [[pixels(9)]] }, { job, runtime, signer: signerOf(MALLORY) })
  await writeBundle(Bundle.encode(await sealed.reveal()), at(out))
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cli-chain-'))
  node = await startNode()
  for (const account of [REQUESTER, ALICE, MALLORY, WATCHER, STRANGER + 1])
    await node.provider.send('anvil_setBalance', [addressOf(account), `0x${(10n * ETHER).toString(16)}`])
  writeFileSync(at('model.onnx'), model())
  writeFileSync(at('x.npy'), encodeNpy(pixels(9)))
  const deployed = await done(['deploy', ...DEPLOYMENT])
  expect(deployed).toMatchObject({ deployment: 'chain.json', chain: '31337' })
}, 120_000)
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL')
  await node?.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('on a chain, the command line', () => {
  test('takes an honest job from its posting to the money', { timeout: 400_000 }, async () => {
    const job = await posted('honest')
    expect(await done(['job', 'show', ...DEPLOYMENT])).toMatchObject({
      jobs: [{ job, policy: 'optimistic', state: 'none' }],
    })
    await done(['job', 'show', job, '--out', 'asked.json', ...DEPLOYMENT], undefined)
    // By a keystore, as people do it.
    const { keystore } = await Signer.keystoreFrom(fromHex(keyOf(ALICE)), 'walk-through', { unsafeScryptN: 2 ** 10 })
    writeFileSync(at('alice.key.json'), utf8(keystore))
    process.env.COUNTERSIGN_PASSWORD = 'walk-through'
    const taken = await done(['job', 'take', job, '--keystore', 'alice.key.json', ...DEPLOYMENT], undefined)
    delete process.env.COUNTERSIGN_PASSWORD
    expect(taken).toMatchObject({ job, provider: addressOf(ALICE), stake: String(ETHER / 10n) })
    await done(
      ['run', 'model.onnx', '--input', 'x.npy', '--job', 'asked.json', '--runtime', 'reference', '--out', 'alice'],
      ALICE,
    )
    const claimed = await done(['job', 'claim', 'alice', ...DEPLOYMENT], ALICE)
    expect(claimed).toMatchObject({ job, provider: addressOf(ALICE) })
    expect(await done(['challenge', job, '--bundles', 'alice', ...BY_REFERENCE], WATCHER)).toMatchObject({
      ending: 'true',
      questions: 0,
    })
    const early = await cli(['settle', job, ...DEPLOYMENT], WATCHER)
    expect(early).toMatchObject({ status: 3, outcome: 'undecided', data: { due: claimed.closes } })
    const responding = start(['respond', '--bundles', '.', ...BY_REFERENCE], ALICE)
    await responding.said(/questions about it are answered/)
    await later(200_001)
    await responding.said(/settled/)
    expect(await responding.interrupt()).toMatchObject({
      status: 0,
      text: expect.stringMatching(/answered 0 questions about 1 claims; 0 games won, 1 claims settled/) as string,
    })
    expect(await done(['settle', job, ...DEPLOYMENT], WATCHER)).toMatchObject({ state: 'paid', transaction: null })
    expect(await done(['withdraw', ...DEPLOYMENT], ALICE)).toMatchObject({ amount: String((4n * ETHER) / 10n) })
    expect(await done(['withdraw', ...DEPLOYMENT], ALICE)).toMatchObject({ amount: '0', transactions: [] })
    expect(await coinsOf(ALICE)).toBeGreaterThan((1029n * ETHER) / 100n)
  })

  test('proves a published lie in one transaction, and pays for that', { timeout: 400_000 }, async () => {
    const job = await posted('shown', '--operator-trace')
    await done(['job', 'take', 'shown.json', ...DEPLOYMENT], MALLORY)
    await lyingBundle('shown.json', 'mallory')
    await done(['job', 'claim', 'mallory', ...DEPLOYMENT], MALLORY)
    const challenged = await cli(['challenge', job, '--bundles', 'mallory', ...BY_REFERENCE], WATCHER)
    expect(challenged).toMatchObject({
      status: 1,
      outcome: 'refuted',
      data: { ending: 'proved', fault: 'element.element', game: null, questions: 0, ruling: 'false-claim' },
    })
    expect(String(challenged.data.where)).toMatch(/step 0, value \d+ \(Relu\), element 3/)
    expect(await cli(['settle', job, ...DEPLOYMENT], WATCHER)).toMatchObject({ status: 3, outcome: 'undecided' })
    await later(86_401)
    expect(await done(['settle', job, ...DEPLOYMENT], WATCHER)).toMatchObject({ state: 'slashed' })
    expect(await done(['withdraw', ...DEPLOYMENT], WATCHER)).toMatchObject({ amount: String(ETHER / 20n) })
    expect((await cli(['challenge', job, '--bundles', 'mallory', ...BY_REFERENCE], WATCHER)).outcome).not.toBe('valid')
  })

  test('watches, asks a provider that shows nothing, and wins by its silence', { timeout: 400_000 }, async () => {
    const job = await posted('hidden')
    await done(['job', 'take', job, ...DEPLOYMENT], MALLORY)
    await lyingBundle('hidden.json', 'kept')
    await done(['job', 'claim', 'kept', ...DEPLOYMENT], MALLORY)
    // The watcher has a run of its own, and nothing of the provider's.
    await done(
      ['run', 'model.onnx', '--input', 'x.npy', '--job', 'hidden.json', '--runtime', 'reference', '--out', 'own/run'],
      WATCHER,
    )
    const watching = start(['watch', '--bundles', 'own', ...BY_REFERENCE], WATCHER)
    await watching.said(/asked +game \d+: demandRun/)
    await later(3 * 86_400)
    await watching.said(/silent/)
    await later(86_401)
    await watching.said(/rewarded .*\n/)
    await watching.said(/fetched .*\n/)
    const { status, text } = await watching.interrupt()
    expect(status).toBe(0)
    expect(text).toMatch(/watched +[0-9]+ claims: 0 true, 0 proved false, 1 false by silence/)
    expect(await done(['job', 'show', job, ...DEPLOYMENT], undefined)).toMatchObject({
      providers: [{ provider: addressOf(MALLORY), state: 'slashed' }],
    })
  })

  test('posts a training job that "train" answers', { timeout: 400_000 }, async () => {
    const rows = Array.from({ length: 32 }, (_, i) => [...numbers(64, i).map((one) => Math.round(8 + 7 * one)), i % 10])
    writeFileSync(at('train.csv'), rows.map((row) => row.join(',')).join('\n'))
    const recipe = [
      ...['--data', 'pixels=train.csv:0', 'targets=train.csv:64', '--batch', '8'],
      ...['--loss', 'softmax-cross-entropy', '--optimizer', 'adam', '--rate', '0.01'],
    ]
    const stated = ['--policy', 'optimistic:200000', '--commit-every', '2', ...DEPLOYMENT]
    const out = ['--out', 'training.json', '--program-out', 'training.bin']
    await done(['job', 'train', 'model.onnx', '--steps', '4', ...recipe, ...stated, ...out])
    const { job } = await done(['job', 'post', 'training.json', '--program', 'training.bin', ...PAYS, ...DEPLOYMENT])
    await done(['job', 'take', job, ...DEPLOYMENT], ALICE)
    await done(
      ['train', 'model.onnx', ...recipe, '--job', 'training.json', '--runtime', 'reference', '--out', 'trained'],
      ALICE,
    )
    await done(['job', 'claim', 'trained', ...DEPLOYMENT], ALICE)
    expect(await done(['challenge', job, '--bundles', 'trained', ...BY_REFERENCE], WATCHER)).toMatchObject({
      ending: 'true',
    })
  })

  test('takes a quorum from its seats to its shares', { timeout: 400_000 }, async () => {
    const seats = [ALICE, WATCHER]
    const named = seats.map(addressOf)
    await done([
      ...['job', 'new', 'model.onnx', '--input', 'x.npy', '--policy', '2/2', '--replica', ...named],
      ...['--window', '200000', '--deadline', String((await node.provider.getBlock('latest'))!.timestamp + 9999)],
      ...['--out', 'quorum.json', ...DEPLOYMENT],
    ])
    const { job } = await done(['job', 'post', 'quorum.json', ...PAYS, ...DEPLOYMENT])
    expect(await cli(['job', 'take', job, ...DEPLOYMENT], MALLORY)).toMatchObject({
      data: { fault: 'attest/not-a-replica' },
    })
    const run = ['run', 'model.onnx', '--input', 'x.npy', '--job', 'quorum.json', '--runtime', 'reference']
    for (const seat of seats) {
      await done(['job', 'take', job, ...DEPLOYMENT], seat)
      await done([...run, '--out', `seat-${seat}`], seat)
      await done(['job', 'seal', `seat-${seat}`, ...DEPLOYMENT], seat)
    }
    const seals = ['--seals', ...seats.map((seat) => `seat-${seat}/seal.json`)]
    for (const seat of seats) await done(['reveal', `seat-${seat}`, ...seals], seat)
    const receipts = ['--receipts', ...seats.map((seat) => `seat-${seat}/receipt.json`)]
    expect(await done(['settle', job, ...seals, ...receipts, ...DEPLOYMENT], STRANGER + 1)).toMatchObject({ agreed: 2 })
    await later(9999 + 2 * 200_000)
    expect((await cli(['settle', job, ...DEPLOYMENT])).data.fault).toBe('cli/usage')
    for (const provider of named)
      expect(await done(['settle', job, '--provider', provider, ...DEPLOYMENT])).toMatchObject({ state: 'paid' })
  })

  test('says by name what is wrong', { timeout: 400_000 }, async () => {
    await posted('named')
    const faultOf = async (words: readonly string[], account?: number) => (await cli(words, account)).data.fault
    expect(await faultOf(['job', 'show', '--rpc', 'http://127.0.0.1:9', ...DEPLOYMENT])).toBe('chain/failed')
    expect(await faultOf(['job', 'show', '--rpc', 'nowhere', ...DEPLOYMENT])).toBe('chain/failed')
    expect(await faultOf(['job', 'show', '--deployment', 'none.json'])).toBe('cli/not-found')
    expect(await faultOf(['job', 'show', '11'.repeat(32), ...DEPLOYMENT])).toBe('chain/unknown-job')
    const foreign = readFileSync(at('chain.json'), 'utf8').replace('31337', '1')
    writeFileSync(at('foreign.json'), foreign)
    expect(await faultOf(['job', 'show', '--deployment', 'foreign.json'])).toBe('chain/wrong-chain')
    expect(await faultOf(['deploy', ...DEPLOYMENT])).toBe('bundle/exists')
    expect(await faultOf(['deploy', '--deployment', 'poor.json'], STRANGER)).toBe('chain/no-funds')
    expect(await faultOf(['job', 'post', 'named.json', ...PAYS, ...DEPLOYMENT], ALICE)).toBe('cli/usage')
    expect(await faultOf(['job', 'post', 'named.json', ...PAYS, ...DEPLOYMENT])).toBe('chain/reverted')
    expect(await faultOf(['job', 'post', 'named.json', '--payment', 'much', '--stake', '1', ...DEPLOYMENT])).toBe(
      'cli/usage',
    )
    expect(await faultOf(['withdraw', ...DEPLOYMENT], 0)).toBe('receipt/bad-keystore')
  })
})
