/**
 * Integer programs from the command line: quantize, look, state a job, run, replay.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fromHex } from '../../src/core/bytes.js'

const ROOT = new URL('../../', import.meta.url).pathname
const MAIN = ['--import', 'tsx', join(ROOT, 'src/cli/main.ts')]
const DIGITS = join(ROOT, 'fixtures/digits.onnx')
const DIGIT = join(ROOT, 'fixtures/digit-7.json')
let folder: string
const at = (name: string) => join(folder, name)

function cli(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...MAIN, ...words, '--json'], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, COUNTERSIGN_KEY: `0x${'1'.repeat(64)}`, NO_COLOR: '1' },
    timeout: 120_000,
  })
  expect(stdout, stderr).not.toBe('')
  return { status, ...(JSON.parse(stdout) as { ok: boolean; outcome: string; data: Record<string, unknown> }) }
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-quantize-'))
  const { digits } = JSON.parse(readFileSync(join(ROOT, 'fixtures/digits-test.json'), 'utf8')) as {
    digits: { label: number; pixels: string }[]
  }
  const pixels = digits.flatMap(({ pixels }) => [...fromHex(pixels)])
  writeFileSync(at('pixels.raw'), new Uint8Array(Float32Array.from(pixels).buffer))
  writeFileSync(at('labels.csv'), digits.map(({ label }) => `${label}\n`).join(''))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('a model is quantized with its report, run under a job, and replayed on another runtime', () => {
  const data = ['--calibration', `pixels=${at('pixels.raw')}`, '--labels', `${at('labels.csv')}:0`]
  const made = cli('quantize', DIGITS, ...data, '--out', at('digits8'))
  expect(made).toMatchObject({ status: 0, data: { samples: 50, agreement: 1, inputs: [{ dtype: 'uint8' }] } })
  expect(cli('inspect', at('digits8'))).toMatchObject({ status: 0, data: { kind: 'quantized' } })
  expect(cli('job', 'new', at('digits8'), '--input', DIGIT, '--out', at('job.json')).status).toBe(0)
  const ran = cli('run', at('digits8'), '--input', DIGIT, '--job', at('job.json'), '--out', at('bundle'))
  expect(ran.status).toBe(0)
  expect(cli('audit', at('bundle'), '--runtime', 'ort-web')).toMatchObject({ status: 0, outcome: 'valid' })
}, 300_000)

test('what cannot be quantized ends with its fault', () => {
  const fault = (...words: string[]) => cli('quantize', ...words).data.fault
  expect(fault(DIGITS, '--out', at('none'))).toBe('quantize/no-scale')
  expect(fault(DIGITS, '--calibration', 'other=x.npy', '--out', at('none'))).toBe('cli/usage')
  expect(fault(at('missing.onnx'), '--out', at('none'))).toBe('cli/not-found')
}, 300_000)
