/** The commands of docs/guide.md, run in their order in an empty folder as a reader would run them. */
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startNode, type EvmNode } from '../contracts/node.js'

const ROOT = new URL('../../', import.meta.url).pathname
const guide = readFileSync(join(ROOT, 'docs/guide.md'), 'utf8')
const blocks = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text)
const COUNTERSIGN = `countersign() { '${process.execPath}' --import '${import.meta.resolve('tsx')}' '${ROOT}src/cli/main.ts' "$@"; }`

let folder: string
let node: EvmNode
beforeAll(async () => {
  node = await startNode()
  folder = mkdtempSync(join(tmpdir(), 'countersign-guide-'))
  cpSync(join(ROOT, 'fixtures'), join(folder, 'fixtures'), { recursive: true })
})
afterAll(async () => {
  await node?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Not waited for in one go: this process has to read meanwhile what the EVM node logs. */
async function bash(script: string): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn('bash', ['-c', script], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1', COUNTERSIGN_KEY: undefined, COUNTERSIGN_RPC: node.url },
    timeout: 500_000,
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { status, stdout, stderr }
}

test('every command of the guide does what the guide says', async () => {
  const { status, stdout, stderr } = await bash(['set -e', COUNTERSIGN, ...blocks].join('\n'))
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
  expect(stdout).toMatch(/optimistic, 0\.2 ether: nobody took it/)
  expect(stdout).toMatch(/true +computed again: the same in every bit/)
  expect(stdout).toMatch(/state +settled/)
  expect(stdout).toMatch(/fetched +0\.3 ether for 0x/)
  expect(stderr).toMatch(/receipt\/bad-signature/)
  for (const file of ['job.json', 'attestation.json', 'verdict.json', 'trained.onnx', 'proof/learning.json'])
    expect(existsSync(join(folder, file))).toBe(true)
})
