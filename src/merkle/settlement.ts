/**
 * Settlement trees: many payments under one Keccak-256 root that a contract checks with OpenZeppelin's MerkleProof.
 *
 * Leaf = keccak256(keccak256(abi.encode(job, provider, claim, amount))), pairs sorted, the list filled up to a power of
 * two with a tagged empty leaf and sorted. That is OpenZeppelin's StandardMerkleTree over the same list of leaves. The
 * tree commits no position: payment is marked by (job, provider), which stands once, and the list of entries is posted.
 * @see OpenZeppelin merkle-tree, "Leaf Hash"; OpenZeppelin Contracts, MerkleProof.processProof
 * @module
 */
import { MerkleTree } from 'merkletreejs'
import { decodeAbi, encodeAbi } from '../core/abi.js'
import { compare, equal, fromHex, toHex, utf8, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { keccak256, keccak256Of } from '../core/keccak.js'

/** One payment: this provider is owed this amount for this claim on this job. */
export interface Entry {
  readonly job: Bytes32
  readonly provider: `0x${string}`
  readonly claim: Bytes32
  /** In the token's smallest unit, 0 .. 2^256-1. */
  readonly amount: bigint
}

/** A committed list of entries, in the canonical order: by job, then by provider. */
export interface Settlement {
  readonly root: Bytes32
  readonly entries: readonly Entry[]
  readonly tree: MerkleTree
}

const ENTRY = ['bytes32', 'address', 'bytes32', 'uint256'] as const
const LIST = '(bytes32,address,bytes32,uint256)[]'
const ENTRY_BYTES = 128
const MAX_ENTRIES = 2 ** 20
const MAX_DEPTH = 20

/** The leaf that fills the list up: a tag's hash, which no entry has, since the inside of a leaf is always 32 bytes long. */
export const EMPTY_LEAF: Bytes32 = keccak256(utf8('Countersign settlement: empty leaf'))

/** The leaf of an entry: keccak256(keccak256(abi.encode(job, provider, claim, amount))). @throws Fault `merkle/bad-entry`. */
export function hashEntry(entry: Entry): Bytes32 {
  const { job, provider, claim, amount } = checked(entry)
  return keccak256(keccak256(encodeAbi(ENTRY, [job, provider, claim, amount])))
}

function checked(entry: Entry): Entry {
  const { job, provider, claim, amount } = entry
  demand(job.length === 32 && claim.length === 32, 'merkle/bad-entry', () => 'job and claim are 32 bytes')
  demand(/^0x[0-9a-fA-F]{40}$/.test(provider), 'merkle/bad-entry', () => 'the provider is no address')
  demand(
    typeof amount === 'bigint' && amount >= 0n && amount < 1n << 256n,
    'merkle/bad-entry',
    () => 'the amount is no unsigned 256-bit integer',
  )
  return Object.freeze({ job, provider: provider.toLowerCase() as `0x${string}`, claim, amount })
}

/**
 * Commits to a list of entries, in any order.
 * @throws Fault `merkle/bad-entry` for an empty list, more than 2^20 entries, a malformed entry, or a (job, provider) that stands twice.
 */
export function commitSettlement(entries: readonly Entry[]): Settlement {
  const sorted = canonicalList(entries)
  const leaves = sorted.map(hashEntry)
  while (leaves.length & (leaves.length - 1)) leaves.push(EMPTY_LEAF)
  const tree = new MerkleTree(leaves, keccak256 as (value: unknown) => Buffer, { sort: true })
  return Object.freeze({ root: Uint8Array.from(tree.getRoot()), entries: Object.freeze(sorted), tree })
}

function canonicalList(entries: readonly Entry[]): Entry[] {
  demand(
    entries.length > 0 && entries.length <= MAX_ENTRIES,
    'merkle/bad-entry',
    () => 'a settlement has 1 to 2^20 entries',
    { found: entries.length },
  )
  const sorted = entries.map(checked).sort(order)
  sorted.slice(1).forEach((entry, i) => {
    demand(order(sorted[i], entry) !== 0, 'merkle/bad-entry', () => 'a job and provider that stand twice', {
      found: `${toHex(entry.job)} ${entry.provider}`,
    })
  })
  return sorted
}

function order(a: Entry, b: Entry): number {
  return compare(a.job, b.job) || compare(fromHex(a.provider), fromHex(b.provider))
}

/**
 * The proof of the entry of a provider for a job, checked before it is returned.
 * @throws Fault `merkle/bad-entry` where the settlement has no such entry.
 */
export function proveEntry(settlement: Settlement, of: Pick<Entry, 'job' | 'provider'>): readonly Bytes32[] {
  const wanted = { ...of, provider: of.provider.toLowerCase() }
  const entry = settlement.entries.find(({ job, provider }) => provider === wanted.provider && equal(job, wanted.job))
  demand(entry, 'merkle/bad-entry', () => 'no entry for this job and provider', {
    found: `${toHex(of.job)} ${of.provider}`,
  })
  const path = settlement.tree.getProof(hashEntry(entry) as Buffer).map(({ data }) => Uint8Array.from(data))
  verifyEntry(settlement.root, entry, path)
  return path
}

/**
 * The entry, after the proof has shown that the root holds it: what OpenZeppelin's MerkleProof.verify decides on chain.
 * @throws Fault `merkle/bad-entry`, `merkle/bad-node`, `merkle/bad-proof-length` beyond 2^20 leaves, `merkle/root-mismatch`.
 */
export function verifyEntry(root: Bytes32, entry: Entry, path: readonly Bytes32[]): Entry {
  demand(path.length <= MAX_DEPTH, 'merkle/bad-proof-length', () => 'settlement proof', {
    expected: `at most ${MAX_DEPTH}`,
    found: path.length,
  })
  const found = path.reduce(hashSortedPair, hashEntry(entry))
  demand(equal(found, root), 'merkle/root-mismatch', () => 'the settlement does not hold this entry', {
    expected: toHex(root),
    found: toHex(found),
  })
  return checked(entry)
}

function hashSortedPair(a: Bytes32, b: Bytes32): Bytes32 {
  demand(b.length === 32, 'merkle/bad-node', () => 'a hash is not 32 bytes', { found: b.length })
  return compare(a, b) <= 0 ? keccak256Of(a, b) : keccak256Of(b, a)
}

/** The list as it is posted: abi.encode of the entries in canonical order. @throws Fault `merkle/bad-entry`. */
export function encodeEntries(entries: readonly Entry[]): Uint8Array {
  return encodeAbi(
    [LIST],
    [canonicalList(entries).map(({ job, provider, claim, amount }) => [job, provider, claim, amount])],
  )
}

/**
 * The entries of a posted list.
 * @throws Fault `core/too-large`, `core/bad-abi`, `merkle/bad-entry` where they are not in canonical order or one stands twice.
 */
export function decodeEntries(bytes: Uint8Array): readonly Entry[] {
  const most = 2 * 32 + ENTRY_BYTES * MAX_ENTRIES
  demand(bytes.length <= most, 'core/too-large', () => 'a list of entries', {
    expected: `at most ${most}`,
    found: bytes.length,
  })
  const rows = decodeAbi([LIST] as const, bytes)[0] as readonly (readonly [Bytes32, `0x${string}`, Bytes32, bigint])[]
  const entries = rows.map(([job, provider, claim, amount]) => Object.freeze({ job, provider, claim, amount }))
  demand(entries.length > 0, 'merkle/bad-entry', () => 'an empty list')
  entries.slice(1).forEach((entry, i) => {
    demand(order(entries[i], entry) < 0, 'merkle/bad-entry', () => 'not in the order of job and provider, each once', {
      where: `entry ${i + 1}`,
    })
  })
  return Object.freeze(entries)
}
