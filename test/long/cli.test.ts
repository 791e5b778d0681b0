/**
 * The command line as a user runs it: processes, files, exit codes.
 */
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tensor } from '../../src/core/tensor.js'
import { encode as encodeNpy } from '../../src/core/npy.js'
import { encode, encodeTensor } from '../../src/onnx/encode.js'
import { modelFrom, protoOf, type Node } from '../../src/onnx/graph.js'
import { numbers } from '../trace/work.js'

const ROOT = new URL('../../', import.meta.url).pathname
const MAIN = ['--import', 'tsx', join(ROOT, 'src/cli/main.ts')]
let folder: string
const at = (name: string) => join(folder, name)
const key = (digit: number) => `0x${String(digit).repeat(64)}`

function cli(words: readonly string[], { provider = 1 } = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...MAIN, ...words], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, COUNTERSIGN_KEY: key(provider), NO_COLOR: '1' },
    timeout: 120_000,
  })
  return {
    status,
    stdout,
    stderr,
    json: () => JSON.parse(stdout) as { ok: boolean; outcome: string; data: Record<string, never> },
  }
}

const node = (op: string, inputs: string[], output: string): Node => ({
  name: output,
  op,
  domain: '',
  overload: '',
  inputs,
  outputs: [output],
  attributes: new Map(),
})

/** y = relu(x w + b) as a file. */
function modelBytes(seed: number, rows = 6, columns = 3): Uint8Array {
  const initializers = new Map([
    ['w', protoOf(tensor('float32', [rows, columns], numbers(rows * columns, seed)), 'w')],
    ['b', protoOf(tensor('float32', [columns], numbers(columns, seed + 1)), 'b')],
  ])
  const port = (name: string, dims: (number | string)[]) => ({ name, kind: 'tensor' as const, dtype: 1, dims })
  const graph = {
    name: 'g',
    nodes: [node('MatMul', ['x', 'w'], 'm'), node('Add', ['m', 'b'], 's'), node('Relu', ['s'], 'y')],
    inputs: [port('x', ['batch', rows])],
    outputs: [port('y', ['batch', columns])],
    initializers,
    valueInfo: [],
  }
  return encode(
    modelFrom({
      irVersion: 9,
      opsets: new Map([['', 17]]),
      graph,
    }),
  )
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-cli-'))
  writeFileSync(at('model.onnx'), modelBytes(1))
  writeFileSync(at('x.npy'), encodeNpy(tensor('float32', [1, 6], numbers(6, 9))))
  writeFileSync(at('x.pb'), encodeTensor(protoOf(tensor('float32', [1, 6], numbers(6, 9)), 'x')))
  writeFileSync(at('x.json'), JSON.stringify({ dtype: 'float32', dims: [1, 6], data: numbers(6, 9) }))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = (out: string, { provider = 1, words = [] as string[] } = {}) =>
  cli(['run', at('model.onnx'), '--input', at('x.npy'), '--runtime', 'reference', '--out', at(out), ...words], {
    provider,
  })

describe('the command line', () => {
  test('without a job, run makes its own and says so; verify and audit accept the bundle', () => {
    const made = run('plain', { words: ['--operator-trace'] })
    expect(made.stderr).toBe('')
    expect(made.stdout).toContain('its own')
    expect(cli(['verify', at('plain')]).status).toBe(0)
    const audit = cli(['audit', at('plain'), '--runtime', 'ort-web', '--json'])
    expect(audit.json()).toMatchObject({ ok: true, outcome: 'valid', data: { grade: 'replayed' } })
  }, 60_000)

  test('npy, pb and json inputs are the same job input', () => {
    const claims = ['x.npy', 'x.pb', 'x.json'].map((file) => {
      const { status, stdout } = cli(['job', 'new', at('model.onnx'), '--input', at(file), '--out', at(`${file}.job`)])
      expect(status, stdout).toBe(0)
      return JSON.parse(readFileSync(at(`${file}.job`), 'utf8')).job.inputs
    })
    expect(new Set(claims).size).toBe(1)
  }, 60_000)

  test('a quorum goes from job over seals and reveals to a portable attestation', () => {
    expect(
      cli([
        'job',
        'new',
        at('model.onnx'),
        '--input',
        at('x.npy'),
        '--policy',
        '2/3',
        '--operator-trace',
        '--out',
        at('job.json'),
      ]).status,
    ).toBe(0)
    for (const provider of [1, 2, 3])
      expect(run(`q${provider}`, { provider, words: ['--job', at('job.json')] }).status).toBe(0)
    const files = [1, 2, 3].flatMap((p) => [at(`q${p}/seal.json`), at(`q${p}/receipt.json`)])
    const observed = cli(['attest', ...files, '--json']).json()
    expect(observed).toMatchObject({ outcome: 'valid', data: { quorum: 'agreed', agreed: 3, witnessed: false } })
    for (const p of [1, 2, 3])
      expect(
        cli(['reveal', at(`q${p}`), '--seals', ...[1, 2, 3].map((q) => at(`q${q}/seal.json`))], { provider: p }).status,
      ).toBe(0)
    expect(cli(['attest', ...files, '--out', at('attestation.json'), '--json']).json()).toMatchObject({
      outcome: 'valid',
      data: { witnessed: true },
    })
    const providers = [1, 2, 3].map((p) => JSON.parse(readFileSync(at(`q${p}/receipt.json`), 'utf8')).receipt.provider)
    expect(cli(['attest', at('attestation.json'), '--replica', ...providers]).status).toBe(0)
    expect(cli(['diff', at('q1'), at('q2')]).status).toBe(0)
    expect(cli(['attest', ...files.slice(0, 2), '--replica', ...providers, '--json'])).toMatchObject({ status: 3 })
  }, 120_000)

  test('a corrupted bundle is refuted with its fault by verify, audit and diff', () => {
    run('whole')
    cpSync(at('whole'), at('broken'), { recursive: true })
    const [object] = readdirSync(at('broken/objects'))
    const path = at(`broken/objects/${object}`)
    const bytes = readFileSync(path)
    bytes[0] ^= 1
    writeFileSync(path, bytes)
    for (const words of [
      ['verify', at('broken')],
      ['audit', at('broken'), '--runtime', 'reference'],
      ['diff', at('whole'), at('broken')],
    ]) {
      const result = cli([...words, '--json'])
      expect(result.status).toBe(1)
      expect(result.json()).toMatchObject({ ok: false, outcome: 'refuted', data: { fault: 'bundle/wrong-object' } })
    }
  }, 60_000)

  test('a link in a bundle is refused', () => {
    run('linked')
    const [object] = readdirSync(at('linked/objects'))
    spawnSync('ln', ['-sf', at(`whole/objects/${object}`), at(`linked/objects/${object}`)])
    expect(cli(['verify', at('linked'), '--json']).json().data).toMatchObject({ fault: 'bundle/not-regular' })
  }, 60_000)

  test('an existing folder is never written into', () => {
    run('twice')
    expect(run('twice').status).toBe(2)
  }, 60_000)

  test.each([
    [['run', 'nowhere.onnx', '--out', 'x'], 2],
    [['verify', 'nowhere'], 2],
    [['frobnicate'], 2],
    [['run'], 2],
  ])('%j is a usage error', (words, status) => {
    const result = cli([...words, '--json'])
    expect(result.status).toBe(status)
    expect(result.json().ok).toBe(false)
  })

  test('a key is never taken from an argument, and without one a run is refused by name', () => {
    const { status, stdout } = spawnSync(
      process.execPath,
      [...MAIN, 'run', at('model.onnx'), '--input', at('x.npy'), '--out', at('keyless'), '--json'],
      { cwd: ROOT, encoding: 'utf8', env: { ...process.env, COUNTERSIGN_KEY: undefined } },
    )
    expect(status).toBe(2)
    expect(JSON.parse(stdout).data.fault).toBe('receipt/bad-keystore')
  })

  test('every command has a help text', () => {
    const { stdout } = cli(['--help'])
    for (const name of ['key', 'job', 'run', 'verify', 'audit', 'attest', 'diff', 'inspect', 'doctor', 'coverage'])
      expect(stdout).toContain(name)
  })

  test('inspect describes models, bundles and receipts', () => {
    run('seen')
    for (const path of ['model.onnx', 'seen', 'seen/receipt.json', 'seen/program.bin'])
      expect(cli(['inspect', at(path), '--json']).json().ok, path).toBe(true)
  }, 60_000)

  test('a run that is killed at any moment leaves a whole bundle or none', async () => {
    for (const delay of [300, 700, 900, 1100, 1300, 1500, 1800, 2200]) {
      const out = at(`killed-${delay}`)
      const child = spawn(
        process.execPath,
        [...MAIN, 'run', at('model.onnx'), '--input', at('x.npy'), '--runtime', 'reference', '--out', out],
        { cwd: ROOT, env: { ...process.env, COUNTERSIGN_KEY: key(1) }, stdio: 'ignore' },
      )
      const ended = new Promise((resolve) => child.once('exit', resolve))
      await new Promise((resolve) => setTimeout(resolve, delay))
      child.kill('SIGKILL')
      await ended
      if (existsSync(out)) expect(cli(['verify', out]).status).toBe(0)
    }
  }, 120_000)
})
