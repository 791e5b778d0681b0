import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import { beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '../../src/core/bytes.js'
import { encodeVerificationKey, unsafeKey, type ProvingKey } from '../../src/zk/keys.js'
import { encodeProof, verifyProof } from '../../src/zk/prove.js'
import { proveInWorker, type Report, type WorkerLike } from '../../src/zk/worker.js'
import { tiny, type Tiny } from './tiny.js'

let circuit: Tiny
let key: ProvingKey

beforeAll(async () => {
  circuit = await tiny()
  key = await unsafeKey(circuit.r1cs)
}, 60_000)

const witness = () => circuit.witness(11n, 77n)
const allowed = { allowUnsafe: true }

describe('a worker process of Node', () => {
  test('proves, and says what it does', async () => {
    const lines: string[] = []
    const proof = await proveInWorker(key, witness(), { progress: (line) => lines.push(line) })
    expect((await verifyProof(proof, key.verification, allowed)).context).toBe(77n)
    expect(lines.length).toBeGreaterThan(5)
  })

  test('hands faults on by name', async () => {
    await expect(proveInWorker(key, witness().with(2, 5n))).rejects.toThrow('zk/unsatisfied')
    await expect(proveInWorker(key, [1n])).rejects.toThrow('zk/bad-length')
    await expect(proveInWorker({ ...key, zkey: key.zkey.subarray(1) }, witness())).rejects.toThrow('zk/bad-file')
  })

  test('is ended by a signal, and by its time', async () => {
    const abort = new AbortController()
    const proving = proveInWorker(key, witness(), { signal: abort.signal })
    setTimeout(() => abort.abort(), 20)
    await expect(proving).rejects.toThrow('core/aborted')
    await expect(proveInWorker(key, witness(), { signal: abort.signal })).rejects.toThrow('core/aborted')
    await expect(proveInWorker(key, witness(), { timeout: 20 })).rejects.toThrow(
      'not done after 20 ms (zk/prover-failed)',
    )
  })

  test('that runs out of memory is a fault and takes nobody down', async () => {
    const large = Array<bigint>(3_000_000).fill(1n << 200n)
    await expect(proveInWorker(key, large, { memory: 16 })).rejects.toThrow('zk/prover-failed')
  })
})

/** A bundle for browsers of one file of src/zk. */
async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../../src/zk/${entry}`, import.meta.url))],
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
    globalName: 'countersign',
    logLevel: 'silent',
    define: { 'import.meta.url': '"https://example.org/bundle.js"' },
  })
  return outputFiles[0].text
}

const nodeImports = (text: string) =>
  text.match(/(?:from|require\(|import\()\s*["'](?:node:[^"']+|fs|path|crypto|os|worker_threads)["']/g) ?? []

/** A thread that has nothing of Node, as a Web Worker: scripts see self, postMessage and onmessage. */
function withoutNode(script: string): Worker {
  const hidden = ['require', 'module', 'exports', 'process', 'Buffer', 'global', 'setImmediate']
  return new Worker(
    `const { parentPort } = require('node:worker_threads')
    for (const name of ${JSON.stringify(hidden)}) delete globalThis[name]
    globalThis.self = globalThis
    globalThis.navigator ??= { userAgent: 'a browser' } // Node 20 has none
    globalThis.postMessage = (value) => parentPort.postMessage(value)
    parentPort.on('message', (data) => globalThis.onmessage({ data }))
    ;((${hidden.join()}) => { ${script} })()`,
    { eval: true },
  )
}

/** What stands where a browser has its Worker. */
function likeBrowser(script: string): WorkerLike {
  const worker = withoutNode(script)
  const like: WorkerLike = {
    postMessage: (task) => worker.postMessage(task),
    terminate: () => void worker.terminate(),
    onmessage: null,
    onerror: null,
  }
  worker.on('message', (data: Report) => like.onmessage?.({ data }))
  worker.on('error', ({ message }) => like.onerror?.({ message }))
  return like
}

describe('where there is no Node', () => {
  test('the entry bundles with nothing of Node in it', async () => {
    const text = await bundle('index.ts')
    expect(nodeImports(text)).toEqual([])
  }, 60_000)

  test('a Web Worker proves', async () => {
    const script = await bundle('worker-child.ts')
    expect(nodeImports(script)).toEqual([])
    const proof = await proveInWorker(key, witness(), { worker: () => likeBrowser(script) })
    expect((await verifyProof(proof, key.verification, allowed)).context).toBe(77n)
    const wrong = proveInWorker(key, [1n], { worker: () => likeBrowser(script) })
    await expect(wrong).rejects.toThrow('zk/bad-length')
    const broken = proveInWorker(key, witness(), { worker: () => likeBrowser('throw new Error("no such thing")') })
    await expect(broken).rejects.toThrow('no such thing (zk/prover-failed)')
  }, 60_000)

  test('a proof is verified', async () => {
    const proof = await proveInWorker(key, witness())
    const script = `${await bundle('index.ts')}
      const { decodeProof, decodeVerificationKey, verifyProof } = countersign
      const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16))
      globalThis.onmessage = async ({ data: [proof, key] }) => {
        const [made, by] = [decodeProof(bytes(proof)), decodeVerificationKey(bytes(key))]
        const refused = await verifyProof(made, by).catch((error) => error.code)
        postMessage([(await verifyProof(made, by, { allowUnsafe: true })).context, refused, typeof process])
      }`
    const worker = withoutNode(script)
    worker.postMessage([toHex(encodeProof(proof)), toHex(encodeVerificationKey(key.verification))])
    const answer = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    await worker.terminate()
    expect(answer).toEqual([77n, 'zk/unsafe-key', 'undefined'])
  }, 60_000)
})
