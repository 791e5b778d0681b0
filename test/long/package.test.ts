/**
 * The package as others get it: packed, installed into an empty project, imported, type-checked and run. Needs the npm registry.
 */
import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { entries } from '../../scripts/api.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'countersign-package-'))
const bin = (name: string) => join(root, 'node_modules', '.bin', name)

/** Runs a command; its output, or an error that shows it. */
async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd, maxBuffer: 1 << 26 })
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${command} ${args.join(' ')}\n${stdout}\n${stderr}`, { cause: error })
  }
}

/** What of the checkout a package is made of: a copy, so that building it changes nothing that other tests read. */
const SOURCES = [
  'package.json',
  'package-lock.json',
  '.npmrc',
  'README.md',
  'LICENSE',
  'src',
  'contracts',
  'circuits',
  'tsconfig.json',
  'tsconfig.build.json',
]

async function pack(): Promise<string> {
  const copy = join(folder, 'source')
  for (const name of SOURCES) cpSync(join(root, name), join(copy, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  await run('npm', ['pack', '--pack-destination', folder], copy)
  return join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.tgz'))!,
  )
}

/** The first piece of code of the README. */
const SNIPPET = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))![1]

const TSCONFIG = {
  compilerOptions: {
    target: 'es2023',
    lib: ['es2023', 'dom'],
    module: 'nodenext',
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    types: [],
  },
  files: ['snippet.ts', 'entries.ts'],
}

/** An empty project with the package in it. */
async function install(name: string, tarball: string, flags: readonly string[] = []): Promise<string> {
  const project = join(folder, name)
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name, private: true, type: 'module' }))
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...flags, tarball], project)
  cpSync(join(root, 'fixtures'), join(project, 'fixtures'), { recursive: true })
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(TSCONFIG))
  writeFileSync(join(project, 'snippet.ts'), SNIPPET)
  const imports = [...entries().keys()].map((entry, i) => `import * as e${i} from '${entry}'`)
  const uses = imports.map((_, i) => `console.log(Object.keys(e${i}).length > 0)`)
  writeFileSync(join(project, 'entries.ts'), [...imports, ...uses, ''].join('\n'))
  return project
}

let tarball = ''
beforeAll(async () => {
  tarball = await pack()
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the package', () => {
  test('passes publint', async () => {
    await run(bin('publint'), ['run', tarball, '--strict'], root)
  })

  test('passes attw', async () => {
    await run(bin('attw'), [tarball, '--profile', 'esm-only'], root)
  })

  test('holds what it needs and nothing of the workshop', async () => {
    const listing = (await run('tar', ['-tzf', tarball], folder)).trim().split('\n')
    const tops = new Set(listing.map((path) => path.split('/')[1]))
    expect([...tops].sort()).toEqual(['LICENSE', 'README.md', 'circuits', 'contracts', 'dist', 'package.json'])
    expect(listing.filter((path) => /\.test\.|\.map$|contracts\/(.*\/)?test\//.test(path))).toEqual([])
  })
})

describe.each([
  ['with-everything', []],
  ['without-optional', ['--omit=optional']],
] as const)('installed %s', (name, flags) => {
  let project = ''
  beforeAll(async () => {
    project = await install(name, tarball, flags)
  }, 600_000)

  test('the snippet of the README and all entry points type-check, with libraries', async () => {
    await run(bin('tsc'), ['-p', project], project)
  })

  test('the snippet of the README runs and says valid', async () => {
    await run(bin('esbuild'), ['snippet.ts', '--outfile=snippet.js', '--format=esm'], project)
    expect(await run(process.execPath, ['snippet.js'], project)).toBe('valid\n')
    expect(existsSync(join(project, 'my-receipt', 'receipt.json'))).toBe(true)
  })

  test('every entry point can be imported', async () => {
    await run(bin('esbuild'), ['entries.ts', '--outfile=entries.js', '--format=esm'], project)
    expect(await run(process.execPath, ['entries.js'], project)).toBe('true\n'.repeat(entries().size))
  })

  test('contracts are there as sources, and as code that can be deployed', async () => {
    const script = `import { existsSync } from 'node:fs'
      import { fileURLToPath } from 'node:url'
      import { codeOf } from 'countersign/disk'
      const { deployedBytecode } = await codeOf('Dispute')
      console.log(deployedBytecode.length > 20_000, existsSync(fileURLToPath(import.meta.resolve('countersign/contracts/Dispute.sol'))))`
    writeFileSync(join(project, 'contracts.mjs'), script)
    expect(await run(process.execPath, ['contracts.mjs'], project)).toBe('true true\n')
  })

  test('the command line checks the receipt that the snippet wrote', async () => {
    const command = join(project, 'node_modules', '.bin', 'countersign')
    const { outcome } = JSON.parse(await run(command, ['verify', 'my-receipt', '--json'], project)) as {
      outcome: string
    }
    expect(outcome).toBe('valid')
  })
})

/** Proves with what is installed that somebody knows the weights behind a root, and says what a step gave. */
const PROVING = `import { Quantize } from 'countersign'
  import { circuitOf, generator, proveInWorker, signalsOf, unsafeKey, verifyProof } from 'countersign/zk'
  import { compile, loadBlocks } from 'countersign/zk/compile'
  const { program, state, given } = Quantize.linearStep({ features: 1, batch: 1 })
  const circuit = circuitOf(program, { blocks: await loadBlocks(), given })
  const { r1cs, wasm } = await compile(circuit)
  const three = { dtype: 'int8', dims: [1, 1], data: Int8Array.of(3) }
  const signals = signalsOf(circuit, { state, inputs: [three, three], context: 7n })
  const key = await unsafeKey(r1cs)
  const proof = await proveInWorker(key, (await generator(wasm)).witness(signals))
  console.log((await verifyProof(proof, key.verification, { allowUnsafe: true })).context === 7n, proof.bytes.length)`

test('a step is compiled, proven in a worker and verified by the package alone', async () => {
  const project = join(folder, 'with-everything')
  writeFileSync(join(project, 'proving.mjs'), PROVING)
  expect(await run(process.execPath, ['proving.mjs'], project)).toBe('true 256\n')
})

test('without snarkjs and circom, what needs them is named as missing', async () => {
  const project = join(folder, 'without-optional')
  const script = `import { unsafePowers } from 'countersign/zk'
    import { compile } from 'countersign/zk/compile'
    await unsafePowers(4).catch((error) => console.log(error.code))
    await compile({ text: 'template Main() { signal output out; out <== 1; }' }).catch((error) => console.log(error.code))`
  expect(await run(process.execPath, ['--input-type=module', '-e', script], project)).toBe(
    'zk/no-prover\nzk/no-compiler\n',
  )
})

test('without onnxruntime-node the native runtime is named as missing, and what to use instead', async () => {
  const project = join(folder, 'without-optional')
  expect(existsSync(join(project, 'node_modules', 'onnxruntime-node'))).toBe(false)
  const script = `import { ortNode } from 'countersign/runtime/ort-node'
    const { Fault } = await import('countersign')
    await ortNode().describe().catch((error) => console.log(Fault.is(error, 'runtime/unavailable'), error.message))`
  expect(await run(process.execPath, ['--input-type=module', '-e', script], project)).toMatch(/^true .*ort-web/)
})

test('installed from the registry the root export, ort-web and zk bundle for browsers', async () => {
  const project = join(folder, 'without-optional')
  writeFileSync(
    join(project, 'page.js'),
    `export * from 'countersign'; export * from 'countersign/runtime/ort-web'; export * as zk from 'countersign/zk'`,
  )
  const flags = ['--bundle', '--platform=browser', '--format=esm', '--outfile=page.bundle.js', '--log-level=warning']
  await run(bin('esbuild'), ['page.js', ...flags], project)
  expect(readFileSync(join(project, 'page.bundle.js'), 'utf8')).not.toMatch(/from\s*["']node:/)
})
