import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeAbi } from '../../src/core/abi.js'
import { equalBits, tensor, type Tensor } from '../../src/core/tensor.js'
import * as Dataset from '../../src/data/dataset.js'
import { digest } from '../../src/merkle/tiles.js'
import { rootOf, sizedRoot, treeOf } from '../../src/merkle/tree.js'
import { codeOf, columns, counting, dataset, digits, fill } from './samples.js'

const sizes = fc.integer({ min: 1, max: 20 })
const sets = sizes.chain((samples) => columns(samples)).map((made) => Dataset.from(made))

/** The columns of the samples from `start` to `end`. */
const part = (made: Readonly<Record<string, Tensor>>, start: number, end: number): Record<string, Tensor> =>
  Object.fromEntries(
    Object.entries(made).map(([name, { dtype, dims, data }]) => {
      const size = data.length / dims[0]
      return [name, tensor(dtype, [end - start, ...dims.slice(1)], data.slice(size * start, size * end))]
    }),
  )

describe('a data set', () => {
  test('commits abi.encode of the digests of each sample, as a sized root', () => {
    fc.assert(
      fc.property(sets, (set) => {
        const leaves = Array.from({ length: set.tree.size }, (_, i) => {
          const digests = Dataset.sample(set, i).map((value) => digest(tensor(value.dtype, value.dims, value.data)))
          return encodeAbi(new Array<string>(digests.length).fill('bytes32'), digests)
        })
        const root = rootOf(treeOf(leaves))
        expect(Dataset.hash(set)).toEqual(sizedRoot('dataset', { size: set.tree.size, root }))
      }),
      { numRuns: 30 },
    )
  })

  test('opens any sample, and the opening verifies to its tensors', () => {
    fc.assert(
      fc.property(sets, fc.nat(), (set, pick) => {
        const index = pick % set.tree.size
        const found = Dataset.verify(Dataset.hash(set), Dataset.shapeOf(set), Dataset.open(set, index))
        expect(found.every((value, i) => equalBits(value, Dataset.sample(set, index)[i]))).toBe(true)
      }),
    )
  })

  test('another column order is another data set; another name is not', () => {
    const { image, label } = digits(3)
    const root = Dataset.hash(Dataset.from({ image, label }))
    expect(Dataset.hash(Dataset.from({ label, image }))).not.toEqual(root)
    expect(Dataset.hash(Dataset.from({ picture: image, class: label }))).toEqual(root)
  })

  test.each([
    ['no columns', () => Dataset.from({})],
    ['no samples', () => Dataset.from({ a: tensor('uint8', [0, 2], []) })],
    ['a column without a first axis', () => Dataset.from({ a: tensor('uint8', [], [1]) })],
    [
      'columns of different length',
      () => Dataset.from({ ...digits(3), more: counting({ dtype: 'uint8', dims: [4] }) }),
    ],
    ['a name that JavaScript would move to the front', () => Dataset.from({ ...digits(3), 0: digits(3).label })],
    [
      'more than 64 columns',
      () => Dataset.from(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`c${i}`, digits(1).label]))),
    ],
  ])('with %s is refused', (_, call) => {
    expect(codeOf(call)).toBe('data/bad-dataset')
  })

  test('a tensor whose data does not fill its dims is refused', () => {
    expect(codeOf(() => Dataset.from({ a: { dtype: 'uint8', dims: [5], data: new Uint8Array(4) } }))).toBe(
      'core/bad-tensor',
    )
  })

  test.each([-1, 5, 0.5, NaN])('sample %s of 5 does not exist', (index) => {
    expect(codeOf(() => Dataset.open(dataset(5), index))).toBe('merkle/index-out-of-range')
  })
})

describe('an opened sample', () => {
  const set = dataset(11)
  const root = Dataset.hash(set)
  const shape = Dataset.shapeOf(set)
  const opening = Dataset.open(set, 6)
  const verify = (changed: Partial<Dataset.SampleOpening>): string =>
    codeOf(() => Dataset.verify(root, shape, { ...opening, ...changed }))

  test('with a flipped bit in any element is refuted', () => {
    opening.tensors.forEach((value, column) => {
      const bits = 8 * value.data.byteLength
      for (let bit = 0; bit < bits; bit += 5) {
        const data = value.data.slice()
        new Uint8Array(data.buffer)[bit >> 3] ^= 1 << (bit & 7)
        const tensors = opening.tensors.with(column, tensor(value.dtype, value.dims, data))
        expect(verify({ tensors })).toBe('merkle/root-mismatch')
      }
    })
  })

  test('with a flipped bit in any hash of its path is refuted', () => {
    opening.path.forEach((hash, i) => {
      for (let bit = 0; bit < 256; bit += 7) {
        const flipped = hash.slice()
        flipped[bit >> 3] ^= 1 << (bit & 7)
        expect(verify({ path: opening.path.with(i, flipped) })).toBe('merkle/root-mismatch')
      }
    })
  })

  test('at another index is refuted', () => {
    for (const index of [0, 5, 7]) expect(verify({ index })).toBe('merkle/root-mismatch')
    for (const index of [-1, 11, 2 ** 53, 6.5]) expect(verify({ index })).toBe('merkle/index-out-of-range')
  })

  test('under another number of samples is refuted, where the path has the same length too', () => {
    const other = { ...shape, samples: 12 }
    expect(codeOf(() => Dataset.verify(root, other, opening))).toBe('merkle/root-mismatch')
  })

  test('with a tensor of another type, one too many or too few is refused', () => {
    const [image, label] = opening.tensors
    const flat = tensor('float32', [12], image.data)
    expect(verify({ tensors: [flat, label] })).toBe('data/wrong-sample')
    expect(verify({ tensors: [image] })).toBe('data/wrong-sample')
    expect(verify({ tensors: [image, label, label] })).toBe('data/wrong-sample')
    expect(verify({ tensors: [image, { ...label, data: new BigInt64Array(2) }] })).toBe('core/bad-tensor')
  })

  test('of another data set is refuted', () => {
    expect(codeOf(() => Dataset.verify(fill(1), shape, opening))).toBe('merkle/root-mismatch')
  })
})

describe('a data set that grows', () => {
  test('is the data set that is made at once, and proves that the earlier one is its beginning', () => {
    const grown = fc.tuple(sizes, sizes).chain(([a, b]) => columns(a + b).map((made) => ({ made, a, b })))
    fc.assert(
      fc.property(grown, ({ made, a, b }) => {
        const whole = Dataset.from(made)
        const first = Dataset.from(part(made, 0, a))
        const appended = Dataset.append(first, part(made, a, a + b))
        expect(Dataset.hash(appended)).toEqual(Dataset.hash(whole))
        expect(appended.columns.every((column, i) => equalBits(column, whole.columns[i]))).toBe(true)
        const roots = { earlier: Dataset.hash(first), later: Dataset.hash(whole) }
        expect(Dataset.verifyGrowth(Dataset.proveGrowth(whole, a), roots).earlier.size).toBe(a)
      }),
      { numRuns: 40 },
    )
  })

  test('cannot pass for one with a sample changed, left out or in another place', () => {
    const { image, label } = digits(9)
    const earlier = Dataset.from(digits(5))
    const changed = tensor('int64', [9], [0n, 1n, 2n, 9n, 4n, 5n, 6n, 7n, 8n])
    const later = Dataset.from({ image, label: changed })
    const roots = { earlier: Dataset.hash(earlier), later: Dataset.hash(later) }
    const growth = Dataset.proveGrowth(later, 5)
    expect(codeOf(() => Dataset.verifyGrowth(growth, roots))).toBe('merkle/root-mismatch')
    const forged = { ...growth, earlier: { size: 5, root: rootOf(earlier.tree) } }
    expect(codeOf(() => Dataset.verifyGrowth(forged, roots))).toBe('merkle/inconsistent')
    const honest = Dataset.from({ image, label })
    expect(
      codeOf(() => Dataset.verifyGrowth(Dataset.proveGrowth(honest, 4), { ...roots, later: Dataset.hash(honest) })),
    ).toBe('merkle/root-mismatch')
  })

  test.each([NaN, -1, 0.5, 2 ** 60])('a growth from a size of %s is refused', (size) => {
    const later = dataset(9)
    const growth = Dataset.proveGrowth(later, 5)
    const roots = { earlier: Dataset.hash(dataset(5)), later: Dataset.hash(later) }
    const forged = { ...growth, earlier: { ...growth.earlier, size } }
    expect(codeOf(() => Dataset.verifyGrowth(forged, roots))).toBe('merkle/inconsistent')
  })

  test.each([
    ['a column less', () => ({ image: digits(2).image })],
    ['a column of another name', () => ({ image: digits(2).image, class: digits(2).label })],
    ['samples of another shape', () => ({ ...digits(2), image: counting({ dtype: 'float32', dims: [2, 12] }) })],
    ['samples of another dtype', () => ({ ...digits(2), label: counting({ dtype: 'int32', dims: [2] }) })],
    ['columns of different length', () => ({ image: digits(2).image, label: digits(3).label })],
  ])('does not take %s', (_, more) => {
    expect(codeOf(() => Dataset.append(dataset(5), more()))).toBe('data/bad-dataset')
  })
})
