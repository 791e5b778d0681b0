/**
 * Compiles contracts/ and writes contracts/artifacts/ and src/chain/abi.generated.ts: `npm run contracts`. An artifact whose input did not change
 * is left as it is; files that are named (`npm run contracts -- contracts/Dispute.sol`) are compiled anyway, and no others.
 * The compiler is the npm package `solc`, so the same sources give the same bytes on every machine.
 * @module
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { posix } from 'node:path'
import { toHex, utf8 } from '../src/core/bytes.js'
import { sha256 } from '../src/core/sha256.js'
import { isMain, pretty, textOf, write } from './markdown.js'

const ROOT = new URL('../', import.meta.url)
const ARTIFACTS = 'contracts/artifacts'

/**
 * The settings of every contract. osaka: `Exact` counts leading zeros with CLZ (EIP-7939). No metadata at the end of the code, so that
 * comments and paths do not change it.
 */
export const SETTINGS = {
  viaIR: true,
  optimizer: { enabled: true, runs: 10_000 },
  evmVersion: 'osaka',
  metadata: { bytecodeHash: 'none', appendCBOR: false },
} as const

/** One compiled contract, as it stands in its file. */
export interface Artifact {
  readonly contract: string
  readonly source: string
  /** Version of the compiler. */
  readonly compiler: string
  /** SHA-256 of the standard JSON input, in hexadecimal. */
  readonly input: string
  readonly abi: readonly object[]
  /** Code that deploys it and code that then stands on the chain; empty for interfaces. */
  readonly bytecode: string
  readonly deployedBytecode: string
  /** Where the deployed code holds immutables: first bytes of words that are zero here. Absent where there are none. */
  readonly immutables?: readonly number[]
}

interface Output {
  readonly errors?: readonly { readonly errorCode?: string; readonly formattedMessage: string }[]
  readonly contracts: Record<string, Record<string, CompiledContract>>
}

interface CompiledContract {
  readonly abi: readonly { readonly type: string }[]
  readonly evm: {
    readonly bytecode: { readonly object: string }
    readonly deployedBytecode: {
      readonly object: string
      readonly immutableReferences?: Readonly<Record<string, readonly { readonly start: number }[]>>
    }
  }
}

/** The Solidity files of this repository, tests' harnesses included. */
export function contractFiles(): readonly string[] {
  const names = readdirSync(new URL('contracts/', ROOT), { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith('.sol'))
    .map((name) => `contracts/${name.replaceAll('\\', '/')}`)
    .sort()
}

const IMPORT = /^\s*import\s+(?:[^"';]*\sfrom\s+)?["']([^"']+)["']/gm

/** A source and all that it imports, by their names; packages are found in node_modules. */
function closureOf(entry: string, found: Map<string, string> = new Map()): Map<string, string> {
  if (found.has(entry)) return found
  const content = textOf(entry.startsWith('contracts/') ? entry : `node_modules/${entry}`)
  found.set(entry, content)
  for (const [, name] of content.matchAll(IMPORT))
    closureOf(name.startsWith('.') ? posix.join(posix.dirname(entry), name) : name, found)
  return found
}

/** The compiler's standard JSON input for one file. */
export function inputOf(entry: string): string {
  const sources = [...closureOf(entry)].sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify({
    language: 'Solidity',
    sources: Object.fromEntries(sources.map(([name, content]) => [name, { content }])),
    settings: {
      ...SETTINGS,
      outputSelection: { [entry]: { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
    },
  })
}

/** Beside what the artifact's hash is over: where immutables stand, which follows from the same sources. */
function requestOf(input: string): string {
  const request = JSON.parse(input) as { settings: { outputSelection: Record<string, { '*': string[] }> } }
  for (const selection of Object.values(request.settings.outputSelection))
    selection['*'].push('evm.deployedBytecode.immutableReferences')
  return JSON.stringify(request)
}

/** What tells whether an artifact is up to date. */
export const hashOf = (input: string): string => toHex(sha256(utf8(input)))

interface Compiler {
  compile(input: string): string
}

const require = createRequire(import.meta.url)

/** The version of the compiler that is installed. */
export const COMPILER = (require('solc/package.json') as { readonly version: string }).version

/** The compiler, loaded when it is first needed: that takes a second. */
const compiler = (): Compiler => require('solc') as Compiler

/** The compiler warns of every use of transient storage; the one here is OpenZeppelin's guard, which clears it. */
const TRANSIENT_STORAGE = '2394'

/** Compiles one file. @throws Error with the compiler's messages; a warning is an error too. */
export function compileFile(entry: string): readonly Artifact[] {
  const input = inputOf(entry)
  const output = JSON.parse(compiler().compile(requestOf(input))) as Output
  const complaints = (output.errors ?? [])
    .filter(({ errorCode }) => errorCode !== TRANSIENT_STORAGE)
    .map(({ formattedMessage }) => formattedMessage)
  if (complaints.length > 0) throw new Error(complaints.join('\n'))
  return Object.entries(output.contracts[entry] ?? {}).flatMap(([contract, compiled]) =>
    compiled.abi.some(({ type }) => type === 'function' || type === 'constructor')
      ? [artifactOf(compiled, { contract, source: entry, compiler: COMPILER, input: hashOf(input) })]
      : [],
  )
}

function artifactOf(
  { abi, evm }: CompiledContract,
  of: Pick<Artifact, 'contract' | 'source' | 'compiler' | 'input'>,
): Artifact {
  const code = ({ object }: { readonly object: string }): string => (object === '' ? '' : `0x${object}`)
  const places = Object.values(evm.deployedBytecode.immutableReferences ?? {}).flat()
  const immutables = places.map(({ start }) => start).sort((a, b) => a - b)
  const compiled = { ...of, abi, bytecode: code(evm.bytecode), deployedBytecode: code(evm.deployedBytecode) }
  return immutables.length === 0 ? compiled : { ...compiled, immutables }
}

/** Where the artifact of a contract lies: harnesses of tests apart from what is published. */
export const pathOf = ({ contract, source }: Pick<Artifact, 'contract' | 'source'>): string =>
  `${ARTIFACTS}/${source.startsWith('contracts/test/') ? 'test/' : ''}${contract}.json`

/** The artifacts that stand in the repository. */
export function artifacts(): readonly Artifact[] {
  const folder = new URL(`${ARTIFACTS}/`, ROOT)
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => readArtifact(name.replaceAll('\\', '/').replace(/\.json$/, '')))
}

/** One artifact by its name, with `test/` before a harness's. */
export const readArtifact = (name: string): Artifact => JSON.parse(textOf(`${ARTIFACTS}/${name}.json`)) as Artifact

/** The file of an artifact. */
export const textOfArtifact = (artifact: Artifact): Promise<string> =>
  pretty(JSON.stringify(artifact, null, 2), pathOf(artifact))

/** A file is up to date where its artifacts have its hash, and where it has nothing to compile to. */
function isFresh(entry: string, present: readonly Artifact[]): boolean {
  const own = present.filter(({ source }) => source === entry)
  return own.length > 0 && own.every(({ compiler, input }) => compiler === COMPILER && input === hashOf(inputOf(entry)))
}

/** True for a file with nothing but libraries of internal functions, custom errors or free functions: it has no artifact. */
export const isLibrary = (entry: string): boolean =>
  !/^\s*(abstract\s+contract|contract|interface)\s/m.test(textOf(entry))

// ---------------------------------------------------------------- ABIs as constants

/** Where the ABIs of the published contracts stand as TypeScript constants. */
export const ABIS = 'src/chain/abi.generated.ts'

/** What is published: no harness of a test, and no interface or abstract contract, which have no code. */
export const published = (all: readonly Artifact[]): readonly Artifact[] =>
  all.filter(({ source, bytecode }) => !source.startsWith('contracts/test/') && bytecode !== '')

/** The name of a contract's constant: ELEMENT_REFEREE_ABI of ElementReferee. */
const constantOf = (contract: string): string => `${contract.replace(/(?<=[a-z\d])(?=[A-Z])/g, '_').toUpperCase()}_ABI`

/** One entry of an ABI on a line; the compiler's own names of types are left out. */
const entryOf = (entry: object): string =>
  `  ${JSON.stringify(entry, (key, value: unknown) => (key === 'internalType' ? undefined : value))},\n`

/** The file of the constants of some artifacts. */
export function textOfAbis(all: readonly Artifact[]): Promise<string> {
  const constants = all.map(({ contract, abi }) => {
    const entries = abi.map(entryOf).join('')
    return `/** ABI of ${contract}. */\n// prettier-ignore\nexport const ${constantOf(contract)} = [\n${entries}] as const\n`
  })
  const table = all.map(({ contract }) => `  ${contract}: ${constantOf(contract)},\n`)
  const head = '// Made by scripts/contracts.ts from the artifacts of contracts/.\n'
  const tail = `/** The ABIs of all published contracts. */\nexport const ABIS = {\n${table.join('')}} as const\n`
  return pretty([head, ...constants, tail].join('\n'), ABIS)
}

// ---------------------------------------------------------------- the script

async function compile(files: readonly string[]): Promise<void> {
  mkdirSync(new URL(`${ARTIFACTS}/test/`, ROOT), { recursive: true })
  for (const entry of files)
    for (const artifact of compileFile(entry)) {
      await write(pathOf(artifact), JSON.stringify(artifact, null, 2))
      console.log(`  ${(artifact.deployedBytecode.length - 2) / 2} bytes of code`)
    }
}

async function compileStale(): Promise<void> {
  const files = contractFiles()
  const present = artifacts()
  for (const artifact of present.filter(({ source }) => !files.includes(source)))
    rmSync(new URL(pathOf(artifact), ROOT))
  await compile(files.filter((file) => !isLibrary(file) && !isFresh(file, present)))
}

if (isMain(import.meta.url)) {
  const named = process.argv.slice(2)
  await (named.length > 0 ? compile(named) : compileStale())
  await write(ABIS, await textOfAbis(published(artifacts())))
}
