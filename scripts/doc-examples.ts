/** Puts the worked examples into the documents, from the vector files, examples/ and the library: `npx tsx scripts/doc-examples.ts`. */
import { encodeAbi } from '../src/core/abi.js'
import { concat, fromHex, toHex, uint64 } from '../src/core/bytes.js'
import { sha256Of } from '../src/core/sha256.js'
import { tensor, type DType, type Tensor } from '../src/core/tensor.js'
import { Builder } from '../src/exact/builder.js'
import { encode, hash, leavesOf } from '../src/exact/format.js'
import { opOf } from '../src/exact/ops/index.js'
import { productGrid32 } from '../src/exact/ops/grid.js'
import type { Program } from '../src/exact/program.js'
import { tileBytes } from '../src/merkle/tile-hashes.js'
import { tileTree } from '../src/merkle/tiles.js'
import { KINDS, hashLeaf, hashNode, rootOf, sizedRoot } from '../src/merkle/tree.js'
import { reference } from '../src/runtime/reference.js'
import { encodeStep } from '../src/trace/step.js'
import { commit, record } from '../src/trace/trace.js'
import { fill, isMain, pretty, table, textOf, write } from './markdown.js'

const vectors = <T>(name: string): T => JSON.parse(textOf(`test/vectors/${name}.json`)) as T

/** Lines of `label  value` as a code block. */
function block(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length))
  return ['```text', ...rows.map(([label, value]) => `${label.padEnd(width)}  ${value}`.trimEnd()), '```'].join('\n')
}

// ---------------------------------------------------------------- numerics

const evaluate = (op: string, inputs: readonly Tensor[], attributes = {}): number => {
  const row = opOf(op)
  return Number(row.evaluate(inputs, attributes, row.infer(inputs, attributes))[0])
}

/** The sum 3 + 0.1 as a product and as a sum. */
function gridExample(): string {
  const values = Float32Array.of(3, 0.1)
  const [, small] = productGrid32(values, { outer: 1, length: 2, inner: 1, block: 512 })
  const [row, ones] = [tensor('float32', [1, 2], values), tensor('float32', [2, 1], [1, 1])]
  const product = evaluate('MatMul', [row, ones])
  const sum = evaluate('ReduceSum', [tensor('float32', [2], values)], { axes: 1 })
  const plain = Math.fround(values[0] + values[1])
  return [
    `The float nearest to 0.1 is ${values[1]}. As a **product**, [3, 0.1] times [1, 1]: the largest magnitude of the row is 3, so L = 4, and`,
    `with 22 bits the grid is 4 x 2^-22 = 2^-20. 3 lies on it; 0.1 is ${values[1] / 2 ** -20} units, which rounds to ${small / 2 ** -20}. The block sum`,
    `3 x 2^20 + ${small / 2 ** -20} units is exact, whatever the order, and the result is RN32(${3 + small}) = ${product}. As a **sum** the grid is`,
    `4 x 2^-43, every bit of 0.1 lies on it, and the result is ${sum}. Plain binary32 gives ${plain} here; it would not with`,
    'another order of more summands.',
  ].join('\n')
}

// ---------------------------------------------------------------- trees, tensors

interface TreeCase {
  readonly leaves: readonly string[]
  readonly root: string
  readonly inclusion: readonly { readonly index: number; readonly path: readonly string[] }[]
}

function treeExample(): string {
  const { cases } = vectors<{ cases: TreeCase[] }>('tree')
  const three = cases.find(({ leaves }) => leaves.length === 3)!
  const hashes = three.leaves.map((leaf) => hashLeaf(fromHex(leaf)))
  return block([
    ...three.leaves.map((leaf, i): [string, string] => [`leaf ${i}: ${leaf || '(nothing)'}`, toHex(hashes[i])]),
    ['node over 0 and 1', toHex(hashNode(hashes[0], hashes[1]))],
    ['root', three.root],
    ['inclusion of leaf 2', three.inclusion[2].path.join(' ')],
    ['sized root, kind state', toHex(sizedRoot('state', { size: 3, root: fromHex(three.root) }))],
  ])
}

interface TensorCase {
  readonly dtype: DType
  readonly dims: number[]
  readonly payload: string
  readonly blind: string
  readonly digest: string
  readonly private: string
}

function tensorExample(): string {
  const [{ dtype, dims, payload, blind, digest, private: hidden }] = vectors<{ cases: TensorCase[] }>('tensor').cases
  const bytes = fromHex(payload)
  const value = tensor(dtype, dims, new Float32Array(bytes.buffer, 0, bytes.length / 4))
  const head = concat(Uint8Array.of(0x02, 1, dims.length), ...dims.map(uint64))
  return block([
    [`${dtype}[${dims}]`, payload],
    ['tile 0, the only one', toHex(tileBytes(value, 0))],
    ['root of the tiles', toHex(rootOf(tileTree(value)))],
    ['tag, dtype, rank, dims', toHex(head)],
    ['digest', digest],
    ['blind', blind],
    ['private digest', hidden],
  ])
}

// ---------------------------------------------------------------- programs, runs

/** y = Relu(x w), the smallest program with a parameter, an input and two nodes. */
function program(): { program: Program; state: Tensor[]; inputs: Tensor[] } {
  const b = new Builder()
  const w = tensor('float32', [2, 1], [0.5, -2])
  const product = b.matmul(b.input('x', { dtype: 'float32', dims: [1, 2] }), b.parameter('w', w))
  const made = b.finish({ outputs: [['y', b.relu(product)]] })
  return { program: made.program, state: [w], inputs: [tensor('float32', [1, 2], [3, 0.25])] }
}

const words = (bytes: Uint8Array): string[] =>
  Array.from({ length: bytes.length / 32 }, (_, i) => toHex(bytes.subarray(i * 32, i * 32 + 32)))

const brief = (word: string): string => (/^0{48}/.test(word) ? `…${word.slice(48)}` : word)

function programExample(): string {
  const made = program()
  const leaves = leavesOf(made.program)
  const kinds = ['header', 'value 0: parameter w', 'value 1: input x', 'value 2: MatMul', 'value 3: Relu', 'output 0']
  const matmul = words(leaves[3]).map((word, i): [string, string] => [
    i === 0 ? 'the words of value 2' : '',
    brief(word),
  ])
  return block([
    ...leaves.map((leaf, i): [string, string] => [kinds[i], `${leaf.length} bytes`]),
    ['program root', toHex(hash(made.program))],
    ['program bytes', `${encode(made.program).length} bytes: ${toHex(encode(made.program).subarray(0, 16))}…`],
    ...matmul,
  ])
}

async function stepExample(): Promise<string> {
  const { program: made, state, inputs } = program()
  const trace = await record({ program: made, state, inputs: [inputs] }, reference(), { operatorTrace: true })
  const names = ['index', 'stateBefore', 'inputs', 'values', 'stateAfter', 'outputs']
  const leaf = encodeStep(trace.leaves[0])
  return block([
    ['x, w', `[${inputs[0].data}], [${state[0].data}]`],
    ['y', `[${trace.outputs[0].data}]`],
    ...words(leaf).map((word, i): [string, string] => [names[i], brief(word)]),
    ['leaf hash', toHex(hashLeaf(leaf))],
    ['run root', toHex(commit(trace).run)],
  ])
}

// ---------------------------------------------------------------- statements

interface RefusalCase {
  readonly step: string
  readonly node: number
  readonly element: string
  readonly reason: string
  readonly record: string
}

function refusalExample(): string {
  const { step, node, element, reason, record: found } = vectors<RefusalCase[]>('refusal')[1]
  const preimage = encodeAbi(['uint64', 'uint32', 'uint64', 'uint8'], [BigInt(step), node, BigInt(element), 2])
  return block([
    ['step, node, element, reason', `${step}, ${node}, ${element}, ${reason}`],
    ...words(preimage).map((word, i): [string, string] => [i === 0 ? '04 and the words' : '', brief(word)]),
    ['record', found],
  ])
}

interface TypedVectors {
  readonly type: string
  readonly typeHash: string
  readonly signer: string
  readonly cases: readonly {
    readonly domain: object
    readonly domainSeparator: string
    readonly hash: string
    readonly digest: string
    readonly signature: string
  }[]
}

const STRUCTS = ['policy', 'job', 'claim', 'receipt', 'seal', 'verdict', 'sighting', 'nonce'] as const

function typesExample(): string {
  const rows = STRUCTS.map((name) => vectors<TypedVectors>(name))
  return table(
    ['structure', 'type hash', 'hash of the first case of its vector file'],
    rows.map(({ typeHash, cases }, i) => [
      `\`${STRUCTS[i]}\``,
      `\`${typeHash.slice(0, 16)}…\``,
      `\`${cases[0].hash.slice(0, 16)}…\``,
    ]),
  )
}

function receiptExample(): string {
  const { signer, cases } = vectors<TypedVectors>('receipt')
  const [{ domainSeparator, hash: struct, digest, signature }] = cases
  return block([
    ['domain separator, off chain', domainSeparator],
    ['hashStruct(receipt)', struct],
    ['digest', digest],
    ['signature, 64 bytes', signature],
    ['signer', signer],
  ])
}

/** The golden receipt with long values cut, for reading. */
function receiptFile(): string {
  const shorten = (value: unknown): unknown => {
    if (typeof value === 'string' && /^(0x)?[0-9a-f]{33,}$/.test(value)) return `${value.slice(0, 12)}…`
    if (Array.isArray(value)) return value.map(shorten)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shorten(inner)]))
  }
  const text = JSON.stringify(shorten(JSON.parse(textOf('test/vectors/golden/receipt.json'))), null, 2)
  return `\`\`\`json\n${text}\n\`\`\``
}

interface SealSet {
  readonly openings: readonly { readonly seal: { commitment: string; provider: string }; readonly salt: string }[]
  readonly sets: readonly { readonly size: number; readonly root: string }[]
}

function sealExample(): string {
  const { openings, sets } = vectors<SealSet>('seal-set')
  const claim = vectors<TypedVectors>('claim').cases[0].hash
  return block([
    ['hashStruct(claim)', claim],
    ['provider', openings[0].seal.provider],
    ['salt', openings[0].salt],
    ['commitment', openings[0].seal.commitment],
    ...sets.map(({ size, root }): [string, string] => [`set of ${size}`, root]),
  ])
}

interface DrawVectors {
  readonly draws: readonly {
    readonly source: Readonly<Record<'claim' | 'provider' | 'policy' | 'beacon', string>>
    readonly count: number
    readonly total: string
    readonly leaves: readonly string[]
  }[]
}

/** The first draw of its vector file that had something to choose from, with the blocks behind it. */
function challengeExample(): string {
  const { source, total, leaves } = vectors<DrawVectors>('challenge').draws.find(({ total }) => total === '10')!
  const { claim, provider, policy, beacon } = source
  const head = concat(fromHex(claim), fromHex(provider), fromHex(policy), fromHex(beacon))
  const blocks = Array.from({ length: 6 }, (_, i) => sha256Of(head, uint64(i)).subarray(0, 8))
  return block([
    ['claim', claim],
    ['provider', provider],
    ['policy', policy],
    ['beacon', beacon],
    ...blocks.map((bytes, i): [string, string] => [
      `block ${i}, its first 8 bytes`,
      `${toHex(bytes)}: leaf ${BigInt(`0x${toHex(bytes)}`) % BigInt(total)} of ${total}`,
    ]),
    [`the ${leaves.length} leaves drawn`, leaves.join(', ')],
  ])
}

interface SettlementCase {
  readonly root: string
  readonly entries: readonly {
    job: string
    provider: string
    claim: string
    amount: string
    leaf: string
    path: string[]
  }[]
}

function settlementExample(): string {
  const two = vectors<{ cases: SettlementCase[] }>('settlement').cases.find(({ entries }) => entries.length === 2)!
  const [{ job, provider, claim, amount, leaf, path }] = two.entries
  return block([
    ['job', job],
    ['provider', provider],
    ['claim', claim],
    ['amount', amount],
    ['leaf', leaf],
    ['path', path.join(' ')],
    ['root', two.root],
  ])
}

const kindsTable = (): string =>
  table(
    ['kind', 'name'],
    Object.entries(KINDS).map(([name, code]) => [`0x${code.toString(16).padStart(2, '0')}`, name]),
  )

/** A program of examples/, without its first comment. */
const programOf = (name: string): string => {
  const text = textOf(`examples/${name}.ts`).replace(/^\/\*\*[\s\S]*?\*\/\n/, '')
  return `\`\`\`ts\n${text.trimEnd()}\n\`\`\``
}

/** What stands in the documents, by document and place. */
const PLACES: Readonly<Record<string, Readonly<Record<string, () => string | Promise<string>>>>> = {
  'docs/guide.md': { marketplace: () => programOf('marketplace'), research: () => programOf('research') },
  'docs/numerics.md': { 'grid-example': gridExample },
  'docs/formats.md': {
    'tree-example': treeExample,
    kinds: kindsTable,
    'tensor-example': tensorExample,
    'program-example': programExample,
    'step-example': stepExample,
    'refusal-example': refusalExample,
    'types-example': typesExample,
    'receipt-example': receiptExample,
    'receipt-file': receiptFile,
    'seal-example': sealExample,
    'challenge-example': challengeExample,
    'settlement-example': settlementExample,
  },
}

/** The documents with examples, as they should be. */
export async function withExamples(): Promise<ReadonlyMap<string, string>> {
  const documents = new Map<string, string>()
  for (const [path, places] of Object.entries(PLACES)) {
    let text = textOf(path)
    for (const [name, make] of Object.entries(places)) text = fill(text, name, await make())
    documents.set(path, await pretty(text, path))
  }
  return documents
}

if (isMain(import.meta.url)) for (const [path, text] of await withExamples()) await write(path, text)
