import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tensor } from '../../src/core/tensor.js'
import {
  chain,
  commit,
  commitList,
  fold,
  layoutOf,
  outputLayout,
  pack,
  perElement,
  rootOutOf,
  shortHash,
  statementOf,
  streamLength,
  tagOf,
} from '../../src/zk/commit.js'
import { CAPACITY, ORDER } from '../../src/zk/field.js'
import { poseidon } from '../../src/zk/poseidon.js'

const bytes = (...values: number[]) => tensor('int8', [values.length], values)

test('a small tensor is one leaf: its tag and its packed integers, lowest first', () => {
  const layout = layoutOf(bytes(-128, 0, 127))
  const packed = 0n + 128n * 256n + 255n * 65536n
  expect(pack(layout, [-128n, 0n, 127n])).toEqual([packed])
  expect(commit(bytes(-128, 0, 127))).toBe(poseidon([tagOf(layout), packed, ...Array<bigint>(14).fill(0n)]))
})

test('packed elements are below the order, whatever the width', () => {
  for (let width = 1; width <= 64; width++) {
    const layout = layoutOf({ dtype: 'int64', dims: [CAPACITY] }, { width })
    const largest = Array<bigint>(CAPACITY).fill((1n << BigInt(width - 1)) - 1n)
    const packed = pack(layout, largest)
    expect(packed.length).toBe(streamLength(layout))
    expect(packed.every((element) => element < ORDER)).toBe(true)
    expect(packed[0]).toBe((1n << BigInt(width * perElement(layout))) - 1n)
  }
})

test('different integers, dims, types, widths, scales, salts and shapes have different roots', () => {
  const roots = [
    commit(bytes(1, 2)),
    commit(bytes(2, 1)),
    commit(bytes(1, 2, 0)),
    commit(tensor('int8', [1, 2], [1, 2])),
    commit(tensor('uint8', [2], [129, 130])),
    commit(tensor('int64', [2], [1n, 2n])),
    commit(tensor('int64', [2], [1n, 2n]), { width: 8 }),
    commit(bytes(1, 2), { scale: 1 }),
    commit(bytes(1, 2), { scale: -1 }),
    commit(bytes(1, 2), { salt: 0n }),
    commit(bytes(1, 2), { salt: 1n }),
    commit(bytes(1, 2), { shape: 'chain' }),
    commit(bytes(1, 2), { shape: 'chain', width: 9 }),
  ]
  expect(new Set(roots).size).toBe(roots.length)
})

test('packing is injective', () => {
  const list = fc.array(fc.bigInt({ min: -8n, max: 7n }), { minLength: 64, maxLength: 64 })
  const layout = layoutOf({ dtype: 'int64', dims: [64] }, { width: 4 })
  fc.assert(
    fc.property(list, list, (a, b) => {
      const same = a.every((value, i) => value === b[i])
      expect(pack(layout, a).every((element, i) => element === pack(layout, b)[i])).toBe(same)
    }),
  )
})

test('an integer beyond its width is refused, not wrapped', () => {
  const layout = layoutOf({ dtype: 'int64', dims: [1] }, { width: 4 })
  for (const value of [-9n, 8n, ORDER]) expect(() => pack(layout, [value])).toThrow('zk/out-of-range')
  expect(() => pack(layout, [])).toThrow('zk/bad-length')
  expect(() => pack(layout, [1n], 5n)).toThrow('zk/bad-length')
  expect(() => pack({ ...layout, salted: true }, [1n])).toThrow('zk/bad-length')
  expect(() => pack({ ...layout, salted: true }, [1n], ORDER)).toThrow('zk/not-in-field')
  expect(() => commit(tensor('float32', [1], [1]))).toThrow('zk/unsupported')
})

test('a tree is Poseidon of pairs, an odd node rising as it is', () => {
  expect(fold([1n, 2n, 3n])).toBe(poseidon([poseidon([1n, 2n]), 3n]))
  expect(commitList([])).toBe(0n)
  expect(commitList([7n])).toBe(7n)
  expect(() => fold([])).toThrow('zk/bad-length')
})

test('a chain is Poseidon of the hash so far and the next element, and no tree has its root', () => {
  const values = tensor(
    'int64',
    [40],
    Array.from({ length: 40 }, (_, i) => BigInt(i - 20)),
  )
  const layout = layoutOf(values, { width: 13, shape: 'chain' })
  const stream = pack(layout, Array.from(values.data as BigInt64Array))
  expect(stream.length).toBe(3)
  const hashed = stream.reduce((hash, next) => poseidon([hash, next]), tagOf(layout))
  expect(commit(values, { width: 13, shape: 'chain' })).toBe(hashed)
  expect(commit(values, { width: 13 })).not.toBe(hashed)
  expect(chain(5n, [])).toBe(poseidon([5n, 0n]))
})

test('a packed root is the one element of its stream, and stands for nothing that is hidden or longer', () => {
  const values = tensor('int8', [2], [-128, 127])
  expect(commit(values, { shape: 'packed' })).toBe(255n << 8n)
  expect(() => commit(values, { shape: 'packed', salt: 1n })).toThrow('zk/unsupported')
  expect(() => layoutOf({ dtype: 'int8', dims: [32] }, { shape: 'packed' })).toThrow('zk/unsupported')
  const shapes = [1, 31, 32, 1024, 1025].map((size) => outputLayout(layoutOf({ dtype: 'int8', dims: [size] })).shape)
  expect(shapes).toEqual(['packed', 'packed', 'chain', 'chain', 'leaves'])
  const hidden = (size: number) => outputLayout(layoutOf({ dtype: 'int8', dims: [size] }, { salted: true })).shape
  expect([1, 31, 32].map(hidden)).toEqual(['chain', 'chain', 'leaves'])
})

test('a statement names the program and the model', () => {
  const [a, b] = [1, 2].map((fill) => new Uint8Array(32).fill(fill))
  expect(new Set([statementOf(a, 5n), statementOf(b, 5n), statementOf(a, 6n)]).size).toBe(3)
  expect(shortHash(a) >> 253n).toBe(0n)
})

test('the root of what comes out: of outputs, of the state after, of both in this order', () => {
  expect(rootOutOf({ outputs: 3n })).toBe(3n)
  expect(rootOutOf({ after: 4n })).toBe(4n)
  expect(rootOutOf({ outputs: 3n, after: 4n })).toBe(poseidon([3n, 4n]))
  expect(rootOutOf({})).toBe(0n)
})
