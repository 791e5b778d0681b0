/**
 * One table of programs over every setting of every runtime, each in a process of its own (WebAssembly threads are fixed by the first session).
 */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { CONFORMANCE_ROOTS } from '../../src/runtime/conformance.generated.js'

const run = promisify(execFile)
const ROOT = new URL('../../', import.meta.url).pathname
const SHARED = join(ROOT, '../shared/models')
const FIXTURES = join(ROOT, 'fixtures')
const onnxIn = (folder: string) =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((f) => f.endsWith('.onnx'))
        .map((f) => join(folder, f))
    : []
const MODELS = [...onnxIn(FIXTURES), ...onnxIn(SHARED)]

const SETTINGS = [
  ['ort-node', '--threads', '1'],
  ['ort-node', '--threads', '2'],
  ['ort-node', '--threads', '1', '--optimization', 'all'],
  ['ort-node', '--threads', '2', '--optimization', 'all'],
  ['ort-web', '--threads', '1'],
  ['ort-web', '--threads', '2'],
  ['ort-web', '--threads', '1', '--optimization', 'all'],
]

async function roots(setting: readonly string[]): Promise<string[]> {
  const { stdout } = await run(
    process.execPath,
    ['--import', 'tsx', join(ROOT, 'scripts/roots.ts'), ...setting, ...MODELS],
    { cwd: ROOT, maxBuffer: 2 ** 26, timeout: 900_000 },
  )
  return stdout.trim().split('\n')
}

describe('the same bits everywhere', () => {
  let expected: string[]
  beforeAll(async () => {
    expected = await roots(['reference'])
  }, 900_000)

  test('the reference gives the pinned roots, and runs every model', () => {
    expect(expected.length).toBe(CONFORMANCE_ROOTS.length + MODELS.length)
    expect(expected.slice(0, CONFORMANCE_ROOTS.length).map((line) => JSON.parse(line).root)).toEqual([
      ...CONFORMANCE_ROOTS,
    ])
    expect(expected.filter((line) => line.includes('refused'))).toEqual([])
  })

  test.each(SETTINGS.map((setting) => [setting.join(' '), setting] as const))(
    '%s gives the roots of the reference',
    async (_name, setting) => {
      expect(await roots(setting)).toEqual(expected)
    },
    900_000,
  )
})
