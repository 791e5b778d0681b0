import { AbiCoder, keccak256 as ethersKeccak } from 'ethers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeAbi } from '../../src/core/abi.js'
import { fromHex, toHex } from '../../src/core/bytes.js'
import type { FaultCode } from '../../src/core/faults.js'
import { keccak256 } from '../../src/core/keccak.js'
import {
  EMPTY_LEAF,
  commitSettlement,
  decodeEntries,
  encodeEntries,
  hashEntry,
  proveEntry,
  verifyEntry,
  type Entry,
} from '../../src/merkle/settlement.js'

const refused = (code: FaultCode, run: () => unknown): void =>
  expect(() => run()).toThrow(expect.objectContaining({ code }))
const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
  const out = bytes.slice()
  out[(bit >> 3) % out.length] ^= 1 << (bit & 7)
  return out
}
const entryOf = (i: number): Entry => ({
  job: new Uint8Array(32).fill(i % 7),
  provider: `0x${i.toString(16).padStart(40, 'a')}`,
  claim: new Uint8Array(32).fill(i),
  amount: 10n ** 18n * BigInt(i),
})
const entriesOf = (count: number): Entry[] => Array.from({ length: count }, (_, i) => entryOf(i))

/** OpenZeppelin merkle-tree, core.ts, written again: leaves from the end of an array, every node the hash of its two children, sorted. */
function openZeppelinRoot(leaves: readonly string[]): string {
  const tree = [...new Array<string>(leaves.length - 1).fill(''), ...leaves.toSorted().toReversed()]
  for (let i = leaves.length - 2; i >= 0; i--) tree[i] = sortedPair(tree[2 * i + 1], tree[2 * i + 2])
  return tree[0]
}
const sortedPair = (a: string, b: string): string => ethersKeccak(a < b ? a + b.slice(2) : b + a.slice(2))

/** OpenZeppelin Contracts, MerkleProof.processProof, written again. */
const processProof = (path: readonly Uint8Array[], leaf: Uint8Array): string =>
  path.reduce((node, sibling) => sortedPair(node, `0x${toHex(sibling)}`), `0x${toHex(leaf)}`)

describe('leaves', () => {
  it('are the double hash of the ABI encoding', () => {
    const { job, provider, claim, amount } = entryOf(5)
    const encoded = AbiCoder.defaultAbiCoder().encode(
      ['bytes32', 'address', 'bytes32', 'uint256'],
      [job, provider, claim, amount],
    )
    expect(`0x${toHex(hashEntry(entryOf(5)))}`).toBe(ethersKeccak(ethersKeccak(encoded)))
  })

  it('are made as in the example of the OpenZeppelin documentation', () => {
    // README of @openzeppelin/merkle-tree: ['address', 'uint256'] of two holders
    const leaves = [
      ['0x1111111111111111111111111111111111111111', 5000000000000000000n],
      ['0x2222222222222222222222222222222222222222', 2500000000000000000n],
    ].map((values) => `0x${toHex(keccak256(keccak256(encodeAbi(['address', 'uint256'], values))))}`)
    expect(openZeppelinRoot(leaves)).toBe('0xd4dee0beab2d53f2cc83e567171bd2820e49898130a22622b10ead383e90bd77')
  })
})

describe('the root', () => {
  it('is that of OpenZeppelin over the leaves filled up to a power of two, for every count up to 40', () => {
    for (let count = 1; count <= 40; count++) {
      const leaves = entriesOf(count).map((entry) => `0x${toHex(hashEntry(entry))}`)
      while (leaves.length & (leaves.length - 1)) leaves.push(`0x${toHex(EMPTY_LEAF)}`)
      expect(`0x${toHex(commitSettlement(entriesOf(count)).root)}`).toBe(openZeppelinRoot(leaves))
    }
  })

  it('does not depend on the order of the entries nor on the case of an address', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(entriesOf(9), { minLength: 9 }), (entries) => {
        const upper = entries.map((entry) => ({
          ...entry,
          provider: `0x${entry.provider.slice(2).toUpperCase()}` as const,
        }))
        expect(toHex(commitSettlement(upper).root)).toBe(toHex(commitSettlement(entriesOf(9)).root))
      }),
    )
  })
})

describe('proofs', () => {
  it('verify for every entry of every count up to 20, here and by the rule of OpenZeppelin', () => {
    for (let count = 1; count <= 20; count++) {
      const settlement = commitSettlement(entriesOf(count))
      for (const entry of settlement.entries) {
        const path = proveEntry(settlement, entry)
        expect(verifyEntry(settlement.root, entry, path)).toEqual(entry)
        expect(processProof(path, hashEntry(entry))).toBe(`0x${toHex(settlement.root)}`)
      }
    }
  })

  it('a flipped bit in any field, node or in the root is refuted', () => {
    const settlement = commitSettlement(entriesOf(13))
    fc.assert(
      fc.property(fc.nat(12), fc.nat(255), fc.nat(), (at, bit, node) => {
        const entry = settlement.entries[at]
        const path = proveEntry(settlement, entry)
        const provider = `0x${toHex(flipped(fromHex(entry.provider), bit))}` as const
        const bad: Entry[] = [
          { ...entry, job: flipped(entry.job, bit) },
          { ...entry, claim: flipped(entry.claim, bit) },
          { ...entry, amount: entry.amount ^ (1n << BigInt(bit)) },
          { ...entry, provider },
        ]
        for (const changed of bad) refused('merkle/root-mismatch', () => verifyEntry(settlement.root, changed, path))
        refused('merkle/root-mismatch', () => verifyEntry(flipped(settlement.root, bit), entry, path))
        refused('merkle/root-mismatch', () =>
          verifyEntry(
            settlement.root,
            entry,
            path.map((hash, i) => (i === node % path.length ? flipped(hash, bit) : hash)),
          ),
        )
        refused('merkle/root-mismatch', () => verifyEntry(settlement.root, entry, path.slice(1)))
      }),
    )
  })

  it('of another length or with another node than 32 bytes are refused by name', () => {
    const settlement = commitSettlement(entriesOf(4))
    const entry = settlement.entries[0]
    refused('merkle/bad-proof-length', () =>
      verifyEntry(settlement.root, entry, new Array<Uint8Array>(21).fill(EMPTY_LEAF)),
    )
    refused('merkle/bad-node', () => verifyEntry(settlement.root, entry, [new Uint8Array(31)]))
  })

  it('do not exist for what was not committed', () => {
    const settlement = commitSettlement(entriesOf(3))
    refused('merkle/bad-entry', () => proveEntry(settlement, entryOf(3)))
    refused('merkle/bad-entry', () => proveEntry(settlement, { ...entryOf(1), job: new Uint8Array(32) }))
  })
})

describe('entries', () => {
  it.each<[string, Entry[]]>([
    ['an empty list', []],
    ['a job and provider that stand twice', [entryOf(1), { ...entryOf(1), amount: 7n }]],
    ['the same provider in another case', [entryOf(10), { ...entryOf(10), provider: `0x${'A'.repeat(40)}` }]],
    ['a negative amount', [{ ...entryOf(1), amount: -1n }]],
    ['an amount beyond 256 bits', [{ ...entryOf(1), amount: 1n << 256n }]],
    ['a short job', [{ ...entryOf(1), job: new Uint8Array(31) }]],
    ['a long claim', [{ ...entryOf(1), claim: new Uint8Array(33) }]],
    ['no address', [{ ...entryOf(1), provider: '0x12' }]],
  ])('refuse %s', (_, entries) => {
    refused('merkle/bad-entry', () => commitSettlement(entries))
    refused('merkle/bad-entry', () => encodeEntries(entries))
  })

  it('one provider may stand for two jobs, and one job for two providers', () => {
    const entries = [
      entryOf(1),
      { ...entryOf(1), job: entryOf(2).job },
      { ...entryOf(1), provider: entryOf(2).provider },
    ]
    expect(commitSettlement(entries).entries.length).toBe(3)
  })
})

describe('the posted list', () => {
  it('decodes to the committed entries, and rebuilds the root', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), (count) => {
        const settlement = commitSettlement(entriesOf(count))
        const decoded = decodeEntries(encodeEntries(entriesOf(count)))
        expect(decoded).toEqual(settlement.entries)
        expect(toHex(commitSettlement(decoded).root)).toBe(toHex(settlement.root))
      }),
    )
  })

  it('a flipped bit anywhere is refused or gives another root', () => {
    const bytes = encodeEntries(entriesOf(6))
    const root = toHex(commitSettlement(entriesOf(6)).root)
    fc.assert(
      fc.property(fc.nat(8 * bytes.length - 1), (bit) => {
        const bad = bytes.slice()
        bad[bit >> 3] ^= 1 << (bit & 7)
        let found: string
        try {
          found = toHex(commitSettlement(decodeEntries(bad)).root)
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^(core\/bad-abi|merkle\/bad-entry)$/) as string })
          return
        }
        expect(found).not.toBe(root)
      }),
      { numRuns: 500 },
    )
  })

  it('is refused out of order, with a repeated entry, empty, truncated or too long', () => {
    const rows = commitSettlement(entriesOf(3)).entries.map(({ job, provider, claim, amount }) => [
      job,
      provider,
      claim,
      amount,
    ])
    const list = (items: typeof rows) => encodeAbi(['(bytes32,address,bytes32,uint256)[]'], [items])
    expect(decodeEntries(list(rows)).length).toBe(3)
    refused('merkle/bad-entry', () => decodeEntries(list([rows[1], rows[0], rows[2]])))
    refused('merkle/bad-entry', () => decodeEntries(list([rows[0], rows[0]])))
    refused('merkle/bad-entry', () => decodeEntries(list([])))
    refused('core/bad-abi', () => decodeEntries(list(rows).slice(0, -1)))
    refused('core/bad-abi', () => decodeEntries(new Uint8Array([...list(rows), ...new Uint8Array(32)])))
    refused('core/too-large', () => decodeEntries(new Uint8Array(2 ** 27 + 96)))
  })
})
