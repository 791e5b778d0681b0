/** The commands of docs/guide.md, run in their order in an empty folder as a reader would run them. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const ROOT = new URL('../../', import.meta.url).pathname
const guide = readFileSync(join(ROOT, 'docs/guide.md'), 'utf8')
const blocks = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text)
const COUNTERSIGN = `countersign() { '${process.execPath}' --import '${import.meta.resolve('tsx')}' '${ROOT}src/cli/main.ts' "$@"; }`

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-guide-'))
  cpSync(join(ROOT, 'fixtures'), join(folder, 'fixtures'), { recursive: true })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('every command of the guide does what the guide says', () => {
  const script = ['set -e', COUNTERSIGN, ...blocks].join('\n')
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', COUNTERSIGN_KEY: undefined },
    timeout: 500_000,
  })
  expect(status, `${stdout}\n${stderr}`).toBe(0)
  expect(stdout).toMatch(/conforms ort-web/)
  expect(stdout).toMatch(/covered all/)
  expect(stdout).toMatch(/agreed +3 of 3 replicas make one claim/)
  expect(stdout).toMatch(/valid +attestation: 3 of 3/)
  expect(stdout).toMatch(/valid +replayed 1 of 1 steps on ort-web/)
  expect(stdout).toMatch(/equal +the two runs agree in every committed bit/)
  expect(stdout).toMatch(/valid +3 of 10 leaves run again on ort-web/)
  expect(stdout).toMatch(/valid +5 of 10 leaves \(4 drawn by a nonce|valid +4 of 10 leaves \(4 drawn by a nonce/)
  expect(stdout).toMatch(/refused, exit code 1/)
  expect(stderr).toMatch(/receipt\/bad-signature/)
  for (const file of ['job.json', 'attestation.json', 'verdict.json', 'trained.onnx', 'proof/learning.json'])
    expect(existsSync(join(folder, file))).toBe(true)
})
