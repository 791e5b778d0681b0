/**
 * Training from the command line, as a user does it: train, kill, resume, challenge, prove, audit.
 */
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encode } from '../../src/onnx/encode.js'
import { mlp } from '../../examples/networks.js'
import { numbers } from '../trace/work.js'

const ROOT = new URL('../../', import.meta.url).pathname
const MAIN = ['--import', 'tsx', join(ROOT, 'src/cli/main.ts')]
let folder: string
const at = (name: string) => join(folder, name)
const environment = (account: number) => ({
  ...process.env,
  COUNTERSIGN_KEY: `0x${String(account).repeat(64)}`,
  NO_COLOR: '1',
})

interface Data {
  readonly [key: string]: unknown
}

function cli(words: readonly string[], account = 1) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...MAIN, ...words, '--json'], {
    cwd: ROOT,
    encoding: 'utf8',
    env: environment(account),
    timeout: 120_000,
  })
  expect(stdout, stderr).not.toBe('')
  return { status, ...(JSON.parse(stdout) as { ok: boolean; outcome: string; data: Data }) }
}

const TRAIN = ['--header', '--batch', '16', '--loss', 'softmax-cross-entropy', '--optimizer', 'adam', '--rate', '1e-3']
const training = (out: string, ...more: string[]) => [
  ...['train', at('mlp.onnx'), '--data', `pixels=${at('train.csv')}:0`, `targets=${at('train.csv')}:64`],
  ...TRAIN,
  ...['--out', at(out), ...more],
]

/** 160 pictures of 64 numbers from 0 to 16, in ten classes, each brightest in a place of its own. */
function csv(): string {
  const noise = numbers(160 * 64, 5)
  const rows = Array.from({ length: 160 }, (_, i) => {
    const pixels = Array.from({ length: 64 }, (_, k) =>
      Math.round(4 + 3 * noise[i * 64 + k] + (Math.floor(k / 6) === i % 10 ? 8 : 0)),
    )
    return [...pixels, i % 10].join(',')
  })
  return [Array.from({ length: 65 }, (_, k) => `field ${k}`).join(','), ...rows, ''].join('\n')
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-training-'))
  writeFileSync(at('mlp.onnx'), encode(mlp()))
  writeFileSync(at('train.csv'), csv())
})
afterAll(() => rmSync(folder, { recursive: true }))

test('a run is trained, challenged, proven and audited, whole and by samples', { timeout: 180_000 }, () => {
  const trained = cli(training('run', '--steps', '60', '--commit-every', '4', '--model-out', at('trained.onnx')))
  expect(trained).toMatchObject({ status: 0, data: { steps: 60, leaves: 15, ran: 60 } })
  expect(trained.data.loss).toBeLessThan(2)
  expect(cli(['verify', at('run')])).toMatchObject({
    status: 0,
    outcome: 'valid',
    data: { training: { samples: 160, batchSize: 16, start: 'seed', steps: 60, leaves: 15 } },
  })
  expect(cli(['audit', at('run'), '--runtime', 'ort-web'])).toMatchObject({ status: 0, data: { grade: 'replayed' } })
  const sampled = cli(['audit', at('run'), '--sample', '4', '--largest', '1', '--fresh', '--least-rate', '1e-4'])
  expect(sampled).toMatchObject({ status: 0, outcome: 'valid', data: { grade: 'sampled', jump: 4 / 15 } })
  expect(cli(['inspect', at('trained.onnx')])).toMatchObject({ status: 0 })

  expect(cli(['beacon', 'nonce', at('run/receipt.json'), '--out', at('nonce.json')], 2)).toMatchObject({ status: 0 })
  const proven = cli([
    'attest',
    'learning',
    at('run'),
    '--beacon',
    at('nonce.json'),
    '--steps',
    '10',
    '--out',
    at('proof'),
  ])
  expect(proven).toMatchObject({ status: 0, data: { total: 15, beacon: 'nonce' } })
  const { leaves } = proven.data
  expect(cli(['inspect', at('proof')])).toMatchObject({
    status: 0,
    data: { kind: 'learning', steps: 60, commitEvery: 4, leaves, beacon: 'nonce', start: 'seed' },
  })
  const audited = cli(['audit', at('proof'), '--runtime', 'ort-web', '--out', at('verdict.json')], 2)
  expect(audited).toMatchObject({
    status: 0,
    outcome: 'valid',
    data: { grade: 'sampled', sampled: 3, total: 15, start: 'seed', selfIssued: true, convinces: 'verifier only' },
  })
  expect(JSON.parse(readFileSync(at('verdict.json'), 'utf8'))).toMatchObject({ format: 'verdict' })
})

test('what a policy does not allow is refused by name', { timeout: 120_000 }, () => {
  expect(cli(['audit', at('proof')], 3)).toMatchObject({ status: 1, data: { fault: 'attest/beacon-not-later' } })
  const start = 'f'.repeat(64)
  expect(cli(['audit', at('run'), '--sample', '1', '--start', start])).toMatchObject({
    status: 1,
    data: { fault: 'attest/start-not-allowed' },
  })
  expect(cli(['audit', at('run'), '--most-rate', '1e-4'])).toMatchObject({
    status: 1,
    data: { fault: 'autodiff/rate-out-of-bounds' },
  })
  expect(cli(['attest', 'learning', at('run'), '--steps', '8', '--out', at('none')])).toMatchObject({
    status: 1,
    data: { fault: 'attest/needs-beacon' },
  })
  expect(cli(['verify', at('proof')])).toMatchObject({ status: 2, data: { fault: 'cli/usage' } })
  expect(cli(training('run', '--steps', '4'))).toMatchObject({ status: 2, data: { fault: 'bundle/exists' } })
  expect(cli(training('fresh', '--steps', '4', '--resume'))).toMatchObject({
    status: 2,
    data: { fault: 'cli/not-found' },
  })
  expect(existsSync(at('none')) || existsSync(at('fresh'))).toBe(false)
})

const usage = { status: 2, data: { fault: 'cli/usage' } }

test('a word that would not be obeyed is refused and not passed over', { timeout: 120_000 }, () => {
  for (const words of [
    ['--most-rate', '1e-9'],
    ['--least-rate', '1'],
    ['--sample', '2'],
    ['--largest', '2'],
    ['--all'],
  ])
    expect(cli(['audit', at('proof'), ...words], 2), words.join(' ')).toMatchObject(usage)
  expect(cli(['audit', at('run'), '--beacon', at('nonce.json')])).toMatchObject(usage)
  expect(cli(['audit', at('run'), '--all', '--sample', '2'])).toMatchObject(usage)
  expect(cli(['beacon', 'sight', at('run/receipt.json'), '--out', at('sighting.json')], 2)).toMatchObject({ status: 0 })
  const round = ['beacon', 'round', at('sighting.json'), '--network', 'quicknet']
  expect(cli(round)).toMatchObject({ status: 0 })
  expect(cli([...round, '--signature', '00'])).toMatchObject(usage)
})

test('a model that could not be written is refused before the first step', { timeout: 60_000 }, () => {
  const missing = cli(training('unwritten', '--steps', '4', '--model-out', at('nowhere/trained.onnx')))
  expect(missing).toMatchObject({ status: 2, data: { fault: 'cli/not-found' } })
  const adapters = ['--adapters', 'hidden.weight', '--adapter-rank', '2', '--start', 'model']
  expect(cli(training('unwritten', '--steps', '4', ...adapters, '--model-out', at('no.onnx')))).toMatchObject(usage)
  expect(existsSync(at('unwritten')) || existsSync(at('unwritten.partial'))).toBe(false)
})

/** Starts training and kills it as soon as so many bytes of leaves are there. */
async function killed(out: string, bytes: number, ...more: string[]): Promise<void> {
  const child = spawn(process.execPath, [...MAIN, ...training(out, ...more)], {
    cwd: ROOT,
    env: environment(1),
    stdio: 'ignore',
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const leaves = join(at(`${out}.partial`), 'run/steps.bin')
  for (const began = Date.now(); Date.now() - began < 60_000 && child.exitCode === null;) {
    if (existsSync(leaves) && readFileSync(leaves).length >= bytes) break
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  child.kill('SIGKILL')
  await ended
}

test('a run that is killed at random moments ends in the claim of an unbroken one', { timeout: 240_000 }, async () => {
  const STEPS = ['--steps', '2000', '--commit-every', '5']
  await killed('first', 192, ...STEPS)
  expect(existsSync(at('first'))).toBe(false)
  cpSync(at('first.partial/job.json'), at('job.json'))
  const unbroken = cli(training('unbroken', '--job', at('job.json')))
  expect(unbroken).toMatchObject({ status: 0, data: { ran: 2000 } })
  expect(cli(training('first', ...STEPS))).toMatchObject({ status: 2, data: { fault: 'cli/unfinished' } })
  writeFileSync(at('other.json'), readFileSync(at('job.json'), 'utf8').replace('"2000"', '"1995"'))
  for (const [fault, ...words] of [
    ['receipt/wrong-job', '--job', at('other.json')],
    ['receipt/wrong-program', '--rate', '1e-4'],
    ['receipt/wrong-inputs', '--order', 'committed'],
    ['receipt/wrong-state', '--start', 'model'],
  ])
    expect(cli(training('first', '--resume', ...words)), words.join(' ')).toMatchObject({ status: 1, data: { fault } })
  const moments = numbers(3, 11)
  for (let kill = 0; kill < moments.length; kill++) {
    const done = readFileSync(at('first.partial/run/steps.bin')).length
    await killed('first', done + 192 * (1 + Math.floor(Math.abs(moments[kill]) * 90)), '--resume')
    expect(existsSync(at('first.partial'))).toBe(true)
  }
  const resumed = cli(training('first', '--resume'))
  expect(resumed).toMatchObject({ status: 0, data: { claim: unbroken.data.claim, steps: 2000 } })
  expect(resumed.data.ran).toBeLessThan(2000)
  expect(existsSync(at('first.partial'))).toBe(false)
  const files = (run: string) => readdirSync(at(run)).sort()
  expect(files('first')).toEqual(files('unbroken'))
  expect(readFileSync(at('first/steps.bin'))).toEqual(readFileSync(at('unbroken/steps.bin')))
})
