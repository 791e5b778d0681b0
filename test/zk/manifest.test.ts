import fc from 'fast-check'
import { expect, test } from 'vitest'
import { utf8 } from '../../src/core/bytes.js'
import { tensor } from '../../src/core/tensor.js'
import { digest } from '../../src/merkle/index.js'
import { commit, layoutOf } from '../../src/zk/commit.js'
import { ORDER } from '../../src/zk/field.js'
import { decodeManifest, encodeManifest, manifestOf, verifyManifest } from '../../src/zk/manifest.js'

const image = tensor('int8', [2, 3], [1, -2, 3, 127, -128, 0])
const layout = layoutOf(image)
const hiding = { salt: (1n << 127n) + 5n, blind: new Uint8Array(32).fill(7) }
const hidden = layoutOf(image, { salted: true })

test('a manifest holds the digest of receipts and the root of circuits', () => {
  const manifest = manifestOf(image, layout)
  expect(manifest.digest).toEqual(digest(image))
  expect(manifest.poseidonRoot).toBe(commit(image))
  expect(manifest.standing).toBe('checked')
})

test('a manifest that comes from somebody is claimed, and checked only against the tensor', () => {
  const claimed = decodeManifest(encodeManifest(manifestOf(image, layout)))
  expect(claimed.standing).toBe('claimed')
  expect(verifyManifest(claimed, image)).toEqual({ ...claimed, standing: 'checked' })
})

test('a file cannot say that it was checked', () => {
  const text = new TextDecoder().decode(encodeManifest(manifestOf(image, layout)))
  expect(text).not.toContain('checked')
  expect(() => decodeManifest(utf8(text.replace('"version":1', '"standing":"checked","version":1')))).toThrow('core/')
})

test('a false manifest is refuted: another digest, another root, another tensor', () => {
  const manifest = manifestOf(image, layout)
  const other = tensor('int8', [2, 3], [1, -2, 3, 127, -128, 1])
  const false1 = { ...manifest, digest: digest(other) }
  const false2 = { ...manifest, poseidonRoot: commit(other) }
  expect(() => verifyManifest(false1, image)).toThrow('the digest is of another tensor (zk/refuted)')
  expect(() => verifyManifest(false2, image)).toThrow('the Poseidon root is of another tensor (zk/refuted)')
  expect(() => verifyManifest(manifest, other)).toThrow('zk/refuted')
})

test('any change of any element is refuted on both sides', () => {
  const values = fc.array(fc.integer({ min: -128, max: 127 }), { minLength: 6, maxLength: 6 })
  fc.assert(
    fc.property(values, fc.nat(5), fc.integer({ min: 1, max: 255 }), (list, at, by) => {
      const first = tensor('int8', [2, 3], list)
      const second = tensor('int8', [2, 3], list.with(at, ((list[at] + 128 + by) % 256) - 128))
      const [a, b] = [manifestOf(first, layout), manifestOf(second, layout)]
      expect(() => verifyManifest(a, second)).toThrow('zk/refuted')
      expect(() => verifyManifest({ ...a, digest: b.digest }, second)).toThrow('Poseidon')
      expect(() => verifyManifest({ ...b, digest: a.digest }, second)).toThrow('digest')
    }),
    { numRuns: 20 },
  )
})

test('a layout of another width, dims or dtype is another root, or does not fit', () => {
  const wide = manifestOf(image, layoutOf(image, { width: 16 }))
  expect(wide.poseidonRoot).not.toBe(manifestOf(image, layout).poseidonRoot)
  expect(() => verifyManifest({ ...wide, layout }, image)).toThrow('zk/refuted')
  expect(() => manifestOf(image, { ...layout, dims: [3, 2] })).toThrow('zk/bad-length')
  expect(() => manifestOf(image, { ...layout, dtype: 'uint8' })).toThrow('zk/bad-length')
  expect(() => manifestOf(image, { ...layout, width: 7 })).toThrow('zk/out-of-range')
})

test('a hidden tensor is hidden on both sides, or the manifest is refused', () => {
  const manifest = manifestOf(image, hidden, hiding)
  expect(manifest.digest).not.toEqual(digest(image))
  expect(manifest.poseidonRoot).not.toBe(commit(image))
  expect(verifyManifest(manifest, image, hiding)).toEqual(manifest)
  expect(() => verifyManifest(manifest, image)).toThrow('zk/bad-length')
  expect(() => manifestOf(image, layout, hiding)).toThrow('zk/bad-length')
  expect(() => verifyManifest(manifest, image, { ...hiding, salt: hiding.salt + 1n })).toThrow('Poseidon')
  expect(() => verifyManifest(manifest, image, { ...hiding, blind: new Uint8Array(32) })).toThrow('digest')
})

test('hostile manifests are refused by name', () => {
  const manifest = manifestOf(image, layout)
  const text = new TextDecoder().decode(encodeManifest(manifest))
  const cases = [
    [text.replace('"int8"', '"float32"'), 'zk/unsupported'],
    [text.replace('"width":8', '"width":0'), 'zk/unsupported'],
    [text.replace('"width":8', '"width":65'), 'zk/unsupported'],
    [text.replace(`"${manifest.poseidonRoot}"`, `"${ORDER}"`), 'zk/not-in-field'],
    [text.replace('"scale":0', '"scale":1e300'), 'core/'],
    [text.replace('[2,3]', '[2,-3]'), 'core/bad-number'],
    [text.slice(1), 'core/bad-json'],
  ] as const
  for (const [json, code] of cases) {
    expect(json).not.toBe(text)
    expect(() => decodeManifest(utf8(json))).toThrow(code)
  }
})
