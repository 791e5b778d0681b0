import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encode as encodeNpy } from '../../src/core/npy.js'
import { bytesOf } from '../../src/core/tensor.js'
import * as Dataset from '../../src/data/dataset.js'
import { readDataset, type ColumnSource } from '../../src/disk/index.js'
import { digits } from './samples.js'

let folder = ''
const { image, label } = digits(5)
const at = (name: string): string => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dataset-'))
  const rows = Array.from({ length: 5 }, (_, i) => [...image.data.slice(12 * i, 12 * i + 12), label.data[i]].join(','))
  await writeFile(at('image.npy'), encodeNpy(image))
  await writeFile(at('label.npy'), encodeNpy(label))
  await writeFile(at('image.bin'), Buffer.concat([Buffer.alloc(16), bytesOf(image)]))
  await writeFile(at('all.csv'), `${rows.join('\n')}\n`)
  await symlink(at('label.npy'), at('link.npy'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const npy = (name: string): ColumnSource => ({ format: 'npy', path: at(name) })

describe('a data set from files', () => {
  test('is the same from .npy, raw and CSV files as in memory', async () => {
    const csv = { format: 'csv', path: at('all.csv') } as const
    const sources: readonly Record<string, ColumnSource>[] = [
      { image: npy('image.npy'), label: npy('label.npy') },
      {
        image: { format: 'raw', path: at('image.bin'), dtype: 'float32', dims: [1, 3, 4], offset: 16 },
        label: npy('label.npy'),
      },
      {
        image: { ...csv, dtype: 'float32', dims: [1, 3, 4], first: 0 },
        label: { ...csv, dtype: 'int64', first: 12 },
      },
    ]
    for (const source of sources) {
      expect(Dataset.hash(await readDataset(source))).toEqual(Dataset.hash(Dataset.from({ image, label })))
    }
  })

  test('a file that is missing, or is a link, is refused', async () => {
    await expect(readDataset({ label: npy('none.npy') })).rejects.toMatchObject({ code: 'cli/not-found' })
    await expect(readDataset({ label: npy('link.npy') })).rejects.toMatchObject({ code: 'bundle/not-regular' })
  })

  test('columns of different length are refused', async () => {
    const short: ColumnSource = { format: 'raw', path: at('label.npy'), dtype: 'uint8', dims: [2] }
    await expect(readDataset({ image: npy('image.npy'), short })).rejects.toMatchObject({ code: 'data/bad-dataset' })
  })
})

const optdigits = new URL('../../../shared/data/optdigits/optdigits.tra', import.meta.url)

test.skipIf(!existsSync(optdigits))('the real handwritten digits become 3,823 samples', async () => {
  const csv = { format: 'csv', path: optdigits.pathname } as const
  const header = readFileSync(optdigits, 'latin1').startsWith('Block') ? 'names' : 'none'
  const set = await readDataset({
    image: { ...csv, header, dtype: 'float32', dims: [1, 8, 8], first: 0 },
    label: { ...csv, header, dtype: 'int64', first: 64 },
  })
  expect(set.tree.size).toBe(3823)
  expect((set.columns[0].data as Float32Array).reduce((a, b) => Math.max(a, b))).toBe(16)
})
