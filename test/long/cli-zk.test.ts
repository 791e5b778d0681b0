/**
 * Zero-knowledge proofs from the command line, as their people use it: quantize, setup, prove, verify-proof.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mlp } from '../../examples/networks.js'
import { concat, fromHex } from '../../src/core/bytes.js'
import { encode as encodeNpy } from '../../src/core/npy.js'
import { tensor } from '../../src/core/tensor.js'
import { readQuantized } from '../../src/disk/index.js'
import { encode as encodeProgram } from '../../src/exact/format.js'
import { encode as encodeModel } from '../../src/onnx/encode.js'
import { linearStep } from '../../src/quantize/index.js'
import * as Job from '../../src/receipt/job.js'
import { jobFor } from '../../src/receipt/provide.js'
import * as Signer from '../../src/receipt/signer.js'
import { domain } from '../../src/receipt/typed-data.js'
import { encodeState } from '../../src/trace/state.js'
import { provenPolicy } from '../../src/zk/bind.js'
import { unsafePowers } from '../../src/zk/powers.js'
import { decodeSystem } from '../../src/zk/r1cs.js'
import { startNode, type EvmNode } from '../contracts/node.js'
import { numbers } from '../trace/work.js'

const ROOT = new URL('../../', import.meta.url).pathname
const MAIN = ['--import', import.meta.resolve('tsx'), join(ROOT, 'src/cli/main.ts')]
let folder: string
const at = (name: string) => join(folder, name)

interface Said {
  readonly status: number | null
  readonly ok: boolean
  readonly outcome: string
  readonly data: { readonly [key: string]: unknown } & { readonly fault?: string; readonly message?: string }
}

function told(words: readonly string[]) {
  const environment = { ...process.env, NO_COLOR: '1' }
  return spawnSync(process.execPath, [...MAIN, ...words], {
    cwd: folder,
    encoding: 'utf8',
    env: environment,
    timeout: 400_000,
  })
}

function cli(...words: string[]): Said {
  const { status, stdout, stderr } = told([...words, '--json'])
  expect(stdout, stderr).not.toBe('')
  return { status, ...(JSON.parse(stdout) as Omit<Said, 'status'>) }
}

/** The data of a command that must succeed. */
function done(...words: string[]): Said['data'] {
  const said = cli(...words)
  expect(said.data.message, words.join(' ')).toBe(undefined)
  expect(said.status).toBe(0)
  return said.data
}

/** The fault of a command that must not, and its exit code. */
function refused(...words: string[]): string {
  const { status, ok, data } = cli(...words)
  expect(ok).toBe(false)
  return `${data.fault} ${status}`
}

const LINES = [3, 200, 77, 255, 0, 0, 12, 80, 90, 100, 255, 1, 2, 3, 40, 60]

/** A small network, quantized; a picture for it. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-zk-'))
  const model = mlp({
    side: 4,
    hidden: 4,
    ink: 255,
    draw(dims, deviation) {
      const count = dims.reduce((a, b) => a * b, 1)
      return tensor(
        'float32',
        dims,
        numbers(count, dims.length).map((number) => 3 * deviation * number),
      )
    },
  })
  writeFileSync(at('model.onnx'), encodeModel(model))
  const pixels = Array.from({ length: 20 * 16 }, (_, i) => (i * i * 31 + 7 * i) % 256)
  writeFileSync(at('train.npy'), encodeNpy(tensor('float32', [20, 1, 4, 4], pixels)))
  writeFileSync(at('pixels.raw'), new Uint8Array(Float32Array.from(pixels).buffer))
  writeFileSync(at('picture.json'), JSON.stringify(LINES))
  done('quantize', 'model.onnx', '--calibration', 'pixels=pixels.raw', '--out', 'integers')
  done('setup', 'integers', '--private-inputs', '--unsafe', '--out', 'kit')
})
afterAll(() => rmSync(folder, { recursive: true }))

test('every command of the guide to proofs does what it says, up to keys for production', () => {
  const guide = readFileSync(join(ROOT, 'docs/proofs.md'), 'utf8').split('## Keys for production')[0]
  const blocks = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text)
  const command = `countersign() { '${process.execPath}' ${MAIN.map((word) => `'${word}'`).join(' ')} "$@"; }`
  mkdirSync(at('guide'))
  for (const name of ['model.onnx', 'picture.json', 'train.npy']) cpSync(at(name), at(`guide/${name}`))
  const script = ['set -e', command, ...blocks].join('\n')
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { cwd: at('guide'), encoding: 'utf8' })
  expect(status, `${stdout}${stderr}`).toBe(0)
  expect(blocks.length).toBe(6)
  expect(stdout).toMatch(/[\d,]+ constraints, powers of tau 2\^1\d/)
  expect(stdout).toMatch(/checked: that of these outputs/)
  expect(stdout).toMatch(/checked: that of these inputs/)
  expect(stdout).toMatch(/compiled again to the same/)
})

const KEY = ['--key', 'kit/verification-key.json']
const verify = ['verify-proof', 'proof.json', ...KEY, '--allow-unsafe']

describe('a proof of a run', () => {
  test('is made with its outputs and its salts, and shown to whoever has the key', () => {
    const words = [
      '--input',
      'picture.json',
      '--context',
      '7',
      '--salt-out',
      'salts.json',
      '--output-out',
      'output.json',
    ]
    const made = done('prove', 'kit', ...words, '--out', 'proof.json')
    expect(made).toMatchObject({ bytes: 256, context: '7', key: { setUp: 'unsafe', scheme: 'groth16' } })
    const checked = done(...verify, '--circuit', 'kit/circuit.json', '--output', 'output.json', '--context', '7')
    expect(Object.keys(checked.checked as object).sort()).toEqual(['context', 'rootOut', 'statement'])
    expect(checked).toMatchObject({ claimed: ['rootIn'], statement: made.statement, rootOut: made.rootOut })
  })

  test('leaves open what nobody compared', () => {
    expect(done(...verify)).toMatchObject({ checked: {}, claimed: ['statement', 'rootIn', 'rootOut', 'context'] })
  })

  test('is opened by the owner of the salts, and by nobody else', () => {
    const opening = [...verify, '--circuit', 'kit/circuit.json', '--input', 'picture.json']
    expect(done(...opening, '--salts', 'salts.json').claimed).toEqual(['rootOut', 'context'])
    expect(refused(...opening)).toBe('cli/usage 2')
    writeFileSync(at('other.json'), JSON.stringify(LINES.map((ink, i) => (i === 3 ? ink - 1 : ink))))
    const other = [...verify, '--circuit', 'kit/circuit.json', '--input', 'other.json', '--salts', 'salts.json']
    expect(refused(...other)).toBe('zk/wrong-public 1')
  })

  test('is refused with a development key unless that is allowed', () => {
    expect(refused('verify-proof', 'proof.json', ...KEY)).toBe('zk/unsafe-key 1')
  })

  test('is refused for other outputs, another number, or another context than was expected', () => {
    const output = JSON.parse(readFileSync(at('output.json'), 'utf8')) as Record<string, { data: number[] }>
    Object.values(output)[0].data[0]++
    writeFileSync(at('lie.json'), JSON.stringify(output))
    expect(refused(...verify, '--circuit', 'kit/circuit.json', '--output', 'lie.json')).toBe('zk/wrong-public 1')
    for (const word of ['--statement', '--root-in', '--root-out', '--context'])
      expect(refused(...verify, word, '5')).toBe('zk/wrong-public 1')
    expect(refused(...verify, '--statement', '-1')).toBe('cli/usage 2')
    expect(refused(...verify, '--output', 'output.json')).toBe('cli/usage 2')
  })

  test('is refused with any public input or byte altered', () => {
    const proof = JSON.parse(readFileSync(at('proof.json'), 'utf8')) as Record<string, string>
    const altered = (change: Record<string, string>) =>
      writeFileSync(at('altered.json'), JSON.stringify({ ...proof, ...change }))
    const refusal = () => refused('verify-proof', 'altered.json', ...KEY, '--allow-unsafe')
    for (const name of ['statement', 'rootIn', 'rootOut', 'context']) {
      altered({ [name]: String(BigInt(proof[name]) + 1n) })
      expect(refusal()).toBe('zk/refuted 1')
    }
    altered({ proof: proof.proof.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')) })
    expect(refusal()).toMatch(/^zk\/(not-on-curve|refuted) 1$/)
    altered({ setUp: 'ceremony' })
    expect(refused('verify-proof', 'altered.json', ...KEY)).toBe('zk/unsafe-key 1')
  })

  test('hides nothing without a salt, so that one is asked for, and is never written over', () => {
    expect(refused('prove', 'kit', '--input', 'picture.json', '--context', '0', '--out', 'new.json')).toBe(
      'cli/usage 2',
    )
    expect(existsSync(at('new.json'))).toBe(false)
    const again = ['--input', 'picture.json', '--context', '0', '--salts', 'salts.json', '--out', 'proof.json']
    expect(refused('prove', 'kit', ...again)).toBe('bundle/exists 2')
  })

  test('says what it is made for, or is not made', () => {
    const words = ['--input', 'picture.json', '--salts', 'salts.json', '--out', 'new.json']
    expect(refused('prove', 'kit', ...words)).toBe('cli/usage 2')
    expect(done('prove', 'kit', ...words, '--context', '0x7').context).toBe('7')
  })
})

test('a verifier is written as Solidity, unsafe where its key is, with the call for a proof', () => {
  const { calldata } = done('setup', 'export', 'kit', '--proof', 'proof.json', '--out', 'Verifier.sol')
  expect(calldata).toMatch(/^0x[0-9a-f]{776}$/)
  expect(readFileSync(at('Verifier.sol'), 'utf8')).toMatch(/^\/\/ unsafe[^]*contract Groth16Verifier/)
  expect(refused('setup', 'export', 'kit', '--out', 'Verifier.sol')).toBe('bundle/exists 2')
})

describe('a proof for a job', () => {
  const provider = `0x${'12'.repeat(20)}`
  const salts = ['--salts', 'salts.json']

  beforeAll(async () => {
    const roots = done('prove', 'kit', '--input', 'picture.json', ...salts, '--roots-only')
    const { program, state } = await readQuantized(at('integers'))
    const work = { program, state, inputs: [[tensor('uint8', [1, 1, 4, 4], LINES)]] }
    const requester = Signer.fromKey(fromHex('11'.repeat(32)))
    const [statement, rootIn] = [BigInt(roots.statement as string), BigInt(roots.rootIn as string)]
    for (const [name, policy] of [
      ['job.json', provenPolicy({ statement, rootIn })],
      ['other-job.json', provenPolicy({ statement, rootIn: rootIn + 1n })],
    ] as const)
      writeFileSync(
        at(name),
        Job.encode(await jobFor(work, { policy, requester, domain: domain(31337n, `0x${'99'.repeat(20)}`) })),
      )
  })

  test('holds for the provider that it names, and for no other', () => {
    const words = ['--input', 'picture.json', ...salts, '--job', 'job.json', '--provider', provider]
    done('prove', 'kit', ...words, '--out', 'job-proof.json')
    const check = ['verify-proof', 'job-proof.json', ...KEY, '--allow-unsafe', '--job', 'job.json', '--provider']
    expect(done(...check, provider).checked).toMatchObject({ context: expect.stringContaining(provider) })
    expect(refused(...check, `0x${'13'.repeat(20)}`)).toBe('zk/wrong-public 1')
  })

  test('is not made where the job names other inputs', () => {
    const words = ['--input', 'picture.json', ...salts, '--job', 'other-job.json', '--provider', provider]
    expect(refused('prove', 'kit', ...words, '--out', 'none.json')).toBe('receipt/wrong-job 1')
  })
})

describe('a set-up', () => {
  test('tells its budget before it compiles, and ends there where that is all that was asked for', () => {
    const { constraints } = JSON.parse(readFileSync(at('kit/circuit.json'), 'utf8')) as { constraints: number }
    expect(done('setup', 'integers', '--private-inputs', '--budget').constraints).toBe(constraints)
    expect(decodeSystem(readFileSync(at('kit/main.r1cs'))).constraints.length).toBe(constraints)
    const { stderr, stdout } = told(['setup', 'integers', '--budget'])
    expect(`${stderr}${stdout}`).toMatch(/circuit {2}[\d,]+ constraints, powers of tau 2\^\d+/)
  })

  test('makes no key with which anybody forges proofs unless it was told to', () => {
    expect(refused('setup', 'integers', '--out', 'none')).toBe('cli/usage 2')
    expect(told(['setup', 'integers', '--out', 'none']).stderr).toContain('--unsafe')
    expect(existsSync(at('none'))).toBe(false)
  })

  test('says unsafe in every line about a development key, and in the names of files', () => {
    const { stdout } = told(['setup', 'integers', '--unsafe', '--out', 'said'])
    const lines = stdout.split('\n').filter((line) => /key|verify-proof/.test(line))
    expect(lines.length).toBeGreaterThan(2)
    for (const line of lines) expect(line).toContain('unsafe')
    expect(readdirSync(at('said')).filter((name) => name.endsWith('.zkey'))).toEqual(['unsafe.zkey'])
    const contributed = told([
      'setup',
      'contribute',
      'said/unsafe.zkey',
      '--name',
      'nobody',
      '--out',
      'still-unsafe.zkey',
    ])
    for (const line of contributed.stdout.trim().split('\n')) expect(line).toContain('unsafe')
  })

  test('refuses powers that are too small or unsafe before it compiles', async () => {
    writeFileSync(at('small.ptau'), await unsafePowers(8))
    writeFileSync(at('unsafe.ptau'), await unsafePowers(11))
    const words = ['setup', 'integers', '--out', 'none', '--powers']
    expect(refused(...words, 'small.ptau', '--unsafe')).toBe('zk/powers-too-small 2')
    expect(refused(...words, 'unsafe.ptau')).toBe('zk/unsafe-key 1')
    expect(refused(...words, 'unsafe.ptau', '--unsafe', '--powers-hash', '00'.repeat(32))).toBe('zk/wrong-hash 1')
    expect(refused(...words, 'model.onnx')).toBe('zk/bad-file 2')
  })

  test('takes no circuit choices that do not fit the program', () => {
    expect(refused('setup', 'integers', '--budget', '--bits', 'nobody=5')).toBe('cli/usage 2')
    expect(refused('setup', 'integers', '--budget', '--bits', 'pixels=99')).toBe('cli/usage 2')
    expect(refused('setup', 'integers', '--budget', '--scheme', 'stark')).toBe('cli/usage 2')
    expect(refused('setup', 'model.onnx', '--budget')).toBe('cli/usage 2')
  })
})

describe('a ceremony', () => {
  const snarkjs = createRequire(import.meta.url)
    .resolve('snarkjs')
    .replace(/build[/\\].*$/, 'build/cli.cjs')
  const run = (...words: string[]) => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [snarkjs, ...words], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(status, `${stdout}${stderr}`).toBe(0)
  }
  const hash = (name: string, kind: string) =>
    createHash(kind)
      .update(readFileSync(at(name)))
      .digest('hex')
  const setup = ['setup', 'integers', '--private-inputs', '--powers', 'powers.ptau']

  beforeAll(() => {
    run('powersoftau', 'new', 'bn128', '11', 'first.ptau')
    run('powersoftau', 'contribute', 'first.ptau', 'second.ptau', '--name=one', `-e=${Math.random()}`)
    run('powersoftau', 'prepare', 'phase2', 'second.ptau', 'powers.ptau')
    done(...setup, '--powers-hash', hash('powers.ptau', 'blake2b512'), '--out', 'begun')
  })

  test('begins with a key that proves nothing before somebody contributed', () => {
    expect(readdirSync(at('begun')).filter((name) => /key/.test(name))).toEqual(['initial.zkey'])
    const words = ['--input', 'picture.json', '--context', '0', '--salts', 'salts.json', '--out', 'none.json']
    expect(refused('prove', 'begun', ...words)).toBe('zk/no-contribution 1')
    expect(refused(...setup, '--key', 'begun/initial.zkey', '--out', 'none')).toMatch(
      /^zk\/(forgeable-key|no-contribution) 1$/,
    )
  })

  test('ends with a key whose proofs hold without any word about safety, and that anybody checks', () => {
    done('setup', 'contribute', 'begun/initial.zkey', '--name', 'alice', '--out', 'alice.zkey')
    const { sha256 } = done(
      'setup',
      'contribute',
      'alice.zkey',
      '--name',
      'bob',
      '--entropy',
      'model.onnx',
      '--out',
      'bob.zkey',
    )
    expect(sha256).toBe(hash('bob.zkey', 'sha256'))
    const pins = ['--powers-hash', hash('powers.ptau', 'sha256'), '--key-hash', String(sha256)]
    const made = done(...setup, ...pins, '--key', 'bob.zkey', '--out', 'safe')
    expect(made).toMatchObject({ key: { setUp: 'ceremony', contributions: 2 } })
    expect(readdirSync(at('safe'))).toContain('proving.zkey')
    const words = ['--input', 'picture.json', '--context', '0', '--salts', 'salts.json', '--out', 'safe.json']
    done('prove', 'safe', ...words)
    const { status, stdout } = told(['verify-proof', 'safe.json', '--key', 'safe/verification-key.json'])
    expect(status).toBe(0)
    expect(stdout).not.toContain('unsafe')
    expect(cli('setup', 'check', 'safe', '--powers', 'powers.ptau', ...pins)).toMatchObject({
      status: 0,
      outcome: 'valid',
    })
    expect(refused('verify-proof', 'safe.json', ...KEY, '--allow-unsafe')).toBe('zk/wrong-key 1')
  })

  test('of another circuit gives no key for this one', () => {
    const other = ['setup', 'integers', '--powers', 'powers.ptau', '--powers-hash', hash('powers.ptau', 'sha256')]
    expect(refused(...other, '--key', 'bob.zkey', '--out', 'none')).toBe('zk/wrong-key 1')
    expect(refused(...setup, '--key', 'bob.zkey', '--key-hash', '00'.repeat(32), '--out', 'none')).toBe(
      'zk/wrong-hash 1',
    )
  })
})

describe('a job that is paid for a proof', () => {
  const keyOf = (account: number) => String(account).repeat(64)
  const addressOf = (account: number) => Signer.fromKey(fromHex(keyOf(account))).address
  const [requester, provider, copier] = [1, 2, 3]
  let node: EvmNode

  /** Not waited for in one go: this process has to read meanwhile what the node logs. */
  async function act(account: number, ...words: string[]): Promise<Said> {
    const env = { ...process.env, NO_COLOR: '1', COUNTERSIGN_KEY: keyOf(account), COUNTERSIGN_RPC: node.url }
    const child = spawn(process.execPath, [...MAIN, ...words, '--json'], { cwd: folder, env, timeout: 120_000 })
    let [text, said] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
    expect(text, said).not.toBe('')
    return { status, ...(JSON.parse(text) as Omit<Said, 'status'>) }
  }

  async function does(account: number, ...words: string[]): Promise<Said['data']> {
    const said = await act(account, ...words)
    expect(said.data.message, words.join(' ')).toBe(undefined)
    return said.data
  }

  beforeAll(async () => {
    node = await startNode()
    for (const account of [requester, provider, copier])
      await node.provider.send('anvil_setBalance', [addressOf(account), `0x${(10n ** 19n).toString(16)}`])
  })
  afterAll(() => node.stop())

  test('pays the provider that the proof names, whoever brings it, and once', async () => {
    await does(requester, 'deploy')
    expect((await act(requester, 'deploy-verifier', 'kit')).data.fault).toBe('zk/unsafe-key')
    const { claims } = await does(requester, 'deploy-verifier', 'kit', '--allow-unsafe')
    const roots = done('prove', 'kit', '--input', 'picture.json', '--salts', 'salts.json', '--roots-only')
    const policy = ['--policy', `proven:${String(roots.statement)}:${String(roots.rootIn)}`]
    const stated = ['--deployment', 'countersign-31337.json', '--deadline', '+86400', '--out', 'paid-job.json']
    await does(requester, 'job', 'new', 'integers', '--input', 'picture.json', ...policy, ...stated)
    const terms = ['--payment', '0.5ether', '--stake', '0', '--bond', '0', '--verifier', String(claims)]
    const { job } = await does(requester, 'job', 'post', 'paid-job.json', ...terms)

    const words = ['--input', 'picture.json', '--salts', 'salts.json', '--job', 'paid-job.json']
    done(
      'prove',
      'kit',
      ...words,
      '--provider',
      addressOf(provider),
      '--output-out',
      'paid-output.json',
      '--out',
      'paid.json',
    )
    const settle = (name: number, output: string) =>
      act(
        copier,
        'settle',
        String(job),
        '--proof',
        'paid.json',
        '--kit',
        'kit',
        '--provider',
        addressOf(name),
        '--output',
        output,
      )
    expect((await settle(copier, 'paid-output.json')).data.message).toMatch(/BadProof/)
    expect((await settle(provider, 'lie.json')).data.fault).toBe('chain/reverted')
    expect((await settle(provider, 'paid-output.json')).data).toMatchObject({ provider: addressOf(provider) })
    expect((await settle(provider, 'paid-output.json')).data.message).toMatch(/JobClosed/)
    expect((await does(copier, 'withdraw')).amount).toBe('0')
    expect((await does(provider, 'withdraw')).amount).toBe(String(5n * 10n ** 17n))
  })
})

describe('a training step', () => {
  test('is proven from state to state, each statement naming the weights that the last one left', () => {
    const { program, state } = linearStep({ features: 2, batch: 2 })
    writeFileSync(at('program.bin'), encodeProgram(program))
    writeFileSync(at('state.bin'), concat(...encodeState(state)))
    writeFileSync(
      at('x.json'),
      JSON.stringify([
        [64, -20],
        [5, 100],
      ]),
    )
    writeFileSync(at('t.json'), JSON.stringify([[30], [-60]]))
    expect(refused('setup', 'program.bin', '--unsafe', '--out', 'none')).toBe('cli/usage 2')
    done('setup', 'program.bin', '--committed', '--bits', 'w=22', 'b=22', '--unsafe', '--out', 'step')
    const prove = (from: string, to: string) =>
      done(
        'prove',
        'step',
        '--state',
        from,
        '--input',
        'x=x.json',
        't=t.json',
        '--context',
        '0',
        '--state-out',
        to,
        '--out',
        `${to}.json`,
      )
    prove('state.bin', 'one.bin')
    prove('one.bin', 'two.bin')
    const check = (proof: string, before: string, after: string) => {
      const key = ['--key', 'step/verification-key.json', '--allow-unsafe', '--circuit', 'step/circuit.json']
      return cli('verify-proof', proof, ...key, '--program', 'program.bin', '--state', before, '--state-after', after)
    }
    expect(check('one.bin.json', 'state.bin', 'one.bin')).toMatchObject({
      status: 0,
      data: { claimed: ['rootIn', 'context'] },
    })
    expect(check('two.bin.json', 'one.bin', 'two.bin').status).toBe(0)
    expect(check('two.bin.json', 'state.bin', 'two.bin').data.fault).toBe('zk/wrong-public')
    expect(check('two.bin.json', 'one.bin', 'one.bin').data.fault).toBe('zk/wrong-public')
    expect(readFileSync(at('one.bin'))).not.toEqual(readFileSync(at('two.bin')))
    expect(refused('prove', 'step', '--input', 'x=x.json', 't=t.json', '--context', '0', '--out', 'none.json')).toBe(
      'cli/usage 2',
    )
  })
})
