/**
 * Hashing: tensor digests and data trees against what others offer, as ratios within one run (alternating, medians).
 *
 * `npx tsx bench/hashing.ts [--json]`
 */
import { createHash, hash, randomFillSync } from 'node:crypto'
import { MerkleTree } from 'merkletreejs'
import { toHex } from '../src/core/bytes.js'
import { sha256 } from '../src/core/sha256.js'
import { tensor } from '../src/core/tensor.js'
import { kernel } from '../src/merkle/kernel.js'
import { hashOneByOne } from '../src/merkle/level.js'
import { hashStrips, laneSink } from '../src/merkle/tile-hashes.js'
import { digest, tileGrid } from '../src/merkle/tiles.js'
import { append, frontierRoot, hashLeaf, hashLeaves, newFrontier, rootOf, treeFrom } from '../src/merkle/tree.js'

const json = process.argv.includes('--json')

interface Result {
  readonly case: string
  readonly metric: string
  readonly value: number
  readonly unit: string
}

function print(result: Result): void {
  if (json) console.log(JSON.stringify({ bench: 'hashing', ...result }))
  else
    console.log(`${result.case.padEnd(28)} ${result.metric.padEnd(34)} ${result.value.toPrecision(4)} ${result.unit}`)
}

/** Runs all candidates in turn, again and again, and gives each one's times in milliseconds, one for each round. */
function alternate<K extends string>(
  rounds: number,
  candidates: Readonly<Record<K, () => unknown>>,
): Record<K, number[]> {
  const names = Object.keys(candidates) as K[]
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const start = performance.now()
      candidates[name]()
      if (round > 0) times[name].push(performance.now() - start) // the first round warms up
    }
  }
  return times
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]

/** The median of the ratios within each round: what else the machine does meets both sides of a round alike. */
const ratio = (a: readonly number[], b: readonly number[]): number => median(a.map((value, round) => value / b[round]))

/** A 100 MB tensor of finite float32 numbers. */
function benchDigest(): void {
  const data = new Float32Array(5120 * 5120)
  const bits = new Uint32Array(data.buffer)
  for (let i = 0; i < bits.length; i++) bits[i] = Math.imul(i, 0x9e3779b1) & 0x3fffffff
  const name = 'digest-float32-5120x5120'
  const value = tensor('float32', [5120, 5120], data)
  const payload = new Uint8Array(data.buffer)
  const times = alternate(11, {
    flat: () => createHash('sha256').update(payload).digest(),
    digest: () => digest(value),
    lanes: () => hashStrips(value, kernel()!, laneSink(kernel()!, tileGrid(value).count)),
  })
  const speed = (times: readonly number[]): number => payload.length / 1e3 / median(times)
  print({ case: name, metric: 'sha256', value: speed(times.flat), unit: 'MB/s' })
  print({ case: name, metric: 'digest', value: speed(times.digest), unit: 'MB/s' })
  print({ case: name, metric: 'digest-without-node-crypto', value: speed(times.lanes), unit: 'MB/s' })
  print({ case: name, metric: 'ratio', value: ratio(times.flat, times.digest), unit: 'of SHA-256' })
}

/** The functions that merkletreejs could be given; it is compared with the fastest one. Pairs get the 01 in front, as RFC 9162 demands. */
const ONE = Buffer.of(1)
const HASHES = {
  'createHash update twice': (pair: Buffer) => createHash('sha256').update(ONE).update(pair).digest(),
  'hash of a copy': (pair: Buffer) => Buffer.from(hash('sha256', Buffer.concat([ONE, pair]), 'binary'), 'latin1'),
  'hash of a reused buffer': (pair: Buffer) => {
    message.set(pair, 1)
    return Buffer.from(hash('sha256', message, 'binary'), 'latin1')
  },
}
const message = Buffer.alloc(65, 1)

function fastestHash(): (pair: Buffer) => Buffer {
  const pair = Buffer.alloc(64, 7)
  const entries = Object.entries(HASHES)
  const times = alternate(
    5,
    Object.fromEntries(entries.map(([name, run]) => [name, () => repeat(100_000, () => run(pair))])),
  )
  return entries.toSorted(([a], [b]) => median(times[a]) - median(times[b]))[0][1]
}

function repeat(times: number, run: () => unknown): void {
  for (let i = 0; i < times; i++) run()
}

/** 2^20 leaves of 32 bytes, leaf hashes included, every node kept on both sides. */
function benchTree(): void {
  const count = 2 ** 20
  const leaves = randomFillSync(new Uint8Array(32 * count))
  const list = Array.from({ length: count }, (_, i) => Buffer.from(leaves.buffer, 32 * i, 32))
  const pairHash = fastestHash()
  const theirs = (): Buffer =>
    new MerkleTree(
      list.map((leaf) => Buffer.from(hashLeafAs(leaf))),
      pairHash as (pair: unknown) => Buffer,
    ).getRoot()
  const ours = (): Uint8Array => rootOf(treeFrom(hashLeaves(leaves, 32)))
  if (toHex(theirs()) !== toHex(ours())) throw new Error('the two trees have different roots')
  const streaming = (): Uint8Array => {
    const frontier = newFrontier()
    for (let i = 0; i < count; i++) append(frontier, hashLeaf(leaves.subarray(32 * i, 32 * i + 32)))
    return frontierRoot(frontier)
  }
  const sameCalls = (): Uint8Array => oneCallEach(leaves)
  if (toHex(sameCalls()) !== toHex(ours())) throw new Error('the two ways of hashing differ')
  const times = alternate(5, { theirs, ours, sameCalls, streaming })
  const name = 'tree-2^20'
  print({ case: name, metric: 'merkletreejs', value: median(times.theirs), unit: 'ms' })
  print({ case: name, metric: 'tree', value: median(times.ours), unit: 'ms' })
  print({ case: name, metric: 'streaming', value: median(times.streaming), unit: 'ms' })
  print({ case: name, metric: 'tree-one-call-a-node', value: median(times.sameCalls), unit: 'ms' })
  print({ case: name, metric: 'ratio', value: ratio(times.theirs, times.ours), unit: 'times faster' })
  print({
    case: name,
    metric: 'ratio-one-call-a-node',
    value: ratio(times.theirs, times.sameCalls),
    unit: 'times faster',
  })
}

/** Our flat levels with the very calls that merkletreejs makes: what the layout alone brings. */
function oneCallEach(leaves: Uint8Array): Uint8Array {
  let level = hashOneByOne(leaves, { prefix: 0, length: 32 })
  const levels = [level]
  while (level.length > 32) levels.push((level = hashOneByOne(level, { prefix: 1, length: 64 })))
  return level
}

const leafMessage = Buffer.alloc(33)
function hashLeafAs(leaf: Buffer): Buffer {
  leafMessage.set(leaf, 1)
  return Buffer.from(hash('sha256', leafMessage, 'binary'), 'latin1')
}

/** One hash of each short length by each way. */
function benchCalls(): void {
  const pair = new Uint8Array(65)
  const times = alternate(7, {
    sha256: () => repeat(100_000, () => sha256(pair)),
    createHash: () => repeat(100_000, () => createHash('sha256').update(pair).digest()),
  })
  print({ case: 'call-65-bytes', metric: 'sha256', value: median(times.sha256) / 100, unit: 'us' })
  print({ case: 'call-65-bytes', metric: 'createHash', value: median(times.createHash) / 100, unit: 'us' })
}

benchDigest()
benchTree()
benchCalls()
