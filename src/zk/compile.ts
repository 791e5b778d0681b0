/**
 * circom text -> constraint system and witness generator, by the WebAssembly build of circom (2.2.3) at --O1, in a worker thread and a
 * folder of its own. Node only.
 * @module
 */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Fault, demand } from '../core/faults.js'
import { decode, type Block, type Blocks } from './blocks.js'

/** What the compiler gives. */
export interface Compiled {
  /** Constraint system, in the format of iden3. */
  readonly r1cs: Uint8Array
  /** WebAssembly that computes witnesses. */
  readonly wasm: Uint8Array
  /** Names of the wires: `label,wire,component,name` lines. */
  readonly symbols: string
}

/** A circuit as text, with its constraints where they were counted. */
export interface Source {
  readonly text: string
  readonly constraints?: number
}

/** Limits of {@link compile}. */
export interface CompileLimits {
  /** Milliseconds until the compiler is ended. */
  readonly timeout?: number
  /** Constraints beyond which the compiler is not begun; 250,000 unless told. */
  readonly most?: number
}

/** Beyond about 200,000 constraints the compiler takes minutes and gigabytes (docs/zk.md). */
const TIMEOUT = 300_000
const MOST = 250_000
const CIRCUITS = fileURLToPath(new URL('../../circuits/', import.meta.url))

/** The circom files of this package, by name. */
export async function sources(): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(CIRCUITS)).filter((name) => name.endsWith('.circom')).sort()
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(CIRCUITS, name), 'utf8')] as const)),
  )
}

/** The templates of this package, for circuits that expand them. */
export async function loadBlocks(): Promise<Blocks> {
  const all = [...(await sources()).values()].flatMap(decode)
  return new Map(all.map((block): [string, Block] => [block.name, block]))
}

/**
 * The worker: circom over a WASI whose one folder is its own. It sees neither the rest of the disk nor the output of this process.
 * Written as a string so that it is the same from TypeScript sources, from dist/ and in tests.
 */
const WORKER = `
const { parentPort, workerData } = require('node:worker_threads')
const fs = require('node:fs')
const { CircomRunner, bindings } = require(workerData.runner)
const said = []
const quiet = { ...fs, writeSync: (fd, ...rest) => fd > 2 ? fs.writeSync(fd, ...rest) : (said.push(Buffer.from(rest[0]).toString()), rest[0].length) }
const runner = new CircomRunner({
  args: ['main.circom', '--O1', '--r1cs', '--wasm', '--sym'],
  env: {},
  preopens: { '.': workerData.folder },
  bindings: { ...bindings, fs: quiet, exit(code) { throw new Error('exit ' + code) } },
})
runner.compile = async (module) => module
runner.execute(workerData.module).then(() => parentPort.postMessage(said.join('')), (error) => {
  throw new Error(said.join('') + error.message)
})
`

/**
 * Compiles a circuit.
 * Cost: 10,000 constraints 2 s, 50,000 10 s, 100,000 30 s (one core).
 * @throws Fault `zk/too-large` before anything is done, `zk/no-compiler` where the package circom2 is not installed, `zk/compile-failed` with
 * what the compiler says.
 */
export async function compile(
  { text, constraints = 0 }: Source,
  { timeout = TIMEOUT, most = MOST }: CompileLimits = {},
): Promise<Compiled> {
  const found = `${constraints} constraints`
  demand(constraints <= most, 'zk/too-large', () => 'a circuit for the compiler', {
    expected: `at most ${most}`,
    found,
  })
  const runner = resolveCompiler()
  const folder = await mkdtemp(join(tmpdir(), 'countersign-circuit-'))
  try {
    for (const [name, source] of await sources()) await writeFile(join(folder, name), source)
    await writeFile(join(folder, 'main.circom'), text)
    const said = await work({ runner, folder, module: await compilerOf(runner) }, timeout)
    demand(said.includes('Everything went okay'), 'zk/compile-failed', () => plain(said))
    const read = (name: string) => readFile(join(folder, name))
    const [r1cs, wasm, symbols] = await Promise.all(['main.r1cs', 'main_js/main.wasm', 'main.sym'].map(read))
    return { r1cs: new Uint8Array(r1cs), wasm: new Uint8Array(wasm), symbols: symbols.toString() }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function resolveCompiler(): string {
  try {
    return createRequire(import.meta.url).resolve('circom2')
  } catch (cause) {
    throw new Fault('zk/no-compiler', 'the package circom2 is needed to compile circuits', { cause })
  }
}

/** The compiler's own code, compiled once for all workers: each for itself would spend most of a second on it. */
let compiler: Promise<WebAssembly.Module> | undefined

function compilerOf(runner: string): Promise<WebAssembly.Module> {
  compiler ??= readFile(join(runner, '..', 'circom.wasm'))
    .then((bytes) => WebAssembly.compile(bytes))
    .catch((cause: unknown) => {
      throw new Fault('zk/no-compiler', 'the package circom2 is damaged', { cause })
    })
  return compiler
}

/** What the compiler says, without its colours. */
const plain = (said: string): string =>
  said
    .replace(/\u001b\[\d+m/g, '')
    .trim()
    .slice(0, 2000)

function work(data: { runner: string; folder: string; module: WebAssembly.Module }, timeout: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(WORKER, { eval: true, workerData: data, execArgv: [] })
    const fail = (what: string) => (done(), reject(new Fault('zk/compile-failed', plain(what))))
    const timer = setTimeout(() => fail(`not done after ${timeout} ms`), timeout)
    const done = () => {
      clearTimeout(timer)
      void worker.terminate()
    }
    worker.once('message', (said: string) => (done(), resolve(said)))
    worker.once('error', (error) => fail(error.message))
    worker.once('exit', (code) => fail(`the compiler ended with code ${code}`))
  })
}
