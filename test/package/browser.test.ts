import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

/** A bundle of one entry for browsers; whatever would have to come from Node is an error of the build. */
async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../../src/${entry}`, import.meta.url))],
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
    globalName: 'countersign',
    logLevel: 'silent',
    outfile: 'out.js',
  })
  return outputFiles[0].text
}

const nodeImports = (text: string) =>
  text.match(/(?:from|require\(|import\()\s*["'](?:node:[^"']+|fs|path|crypto|os|worker_threads)["']/g) ?? []

test.each(['index.ts', 'runtime/ort-web.ts'])('%s bundles for browsers', async (entry) => {
  expect(nodeImports(await bundle(entry))).toEqual([])
})

test('disk/ does not: the check above finds what belongs to Node', async () => {
  await expect(bundle('disk/index.ts')).rejects.toThrow('node:fs')
})

/** Runs a script in a thread that has nothing of Node: no process, no Buffer, no require. */
function withoutNode(script: string): Promise<unknown> {
  const hidden = ['require', 'module', 'exports', 'process', 'Buffer', 'global', 'setImmediate']
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
    for (const name of ${JSON.stringify(hidden)}) delete globalThis[name]
    globalThis.self = globalThis
    globalThis.navigator ??= { userAgent: 'a browser' } // Node 20 has none
    ;(async (post, ${hidden.join()}) => post(await (async () => { ${script} })()))((value) => parentPort.postMessage(value))`,
    { eval: true },
  )
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)).finally(() =>
    worker.terminate(),
  )
}

/** A whole job on the reference runtime: (1, 2) + (3, 4). */
const JOB = `
  const { Bundle, Audit, Program, Provider, Runtime, Signer, Tensor } = countersign
  const builder = new Program.Builder()
  const x = builder.input('x', { dtype: 'float32', dims: [2] })
  const w = Tensor.tensor('float32', [2], [1, 2])
  const y = builder.op('Add', [x, builder.parameter('w', w)])
  const { program } = builder.finish({ outputs: [['y', y]] })
  const work = { program, state: [w], inputs: [[Tensor.tensor('float32', [2], [3, 4])]] }
  const job = await Provider.jobFor(work)
  const run = await Provider.provide(work, { job, runtime: Runtime.reference(), signer: Signer.fromRandom() })
  const bundle = await Bundle.verify(await Bundle.decode(Bundle.readerOf(Bundle.encode(await run.reveal()))))
  const { outcome } = await Audit.replay(bundle, Runtime.reference())
  return [outcome, [...bundle.outputs[0].data]]
`

test('the root export makes, verifies and replays a receipt where there is no Node', async () => {
  expect(await withoutNode(`return typeof process + typeof Buffer + typeof require`)).toBe('undefined'.repeat(3))
  expect(await withoutNode(`${await bundle('index.ts')};${JOB}`)).toEqual(['valid', [4, 6]])
})

test('settlement trees work where there is no Node', async () => {
  const script = `
  const entry = { job: new Uint8Array(32), provider: '0x' + '11'.repeat(20), claim: new Uint8Array(32), amount: 5n }
  const settlement = countersign.commitSettlement([entry, { ...entry, amount: 7n, job: new Uint8Array(32).fill(1) }])
  const path = countersign.proveEntry(settlement, entry)
  return countersign.verifyEntry(settlement.root, entry, path).amount`
  expect(await withoutNode(`${await bundle('merkle/settlement.ts')};${script}`)).toBe(5n)
})
