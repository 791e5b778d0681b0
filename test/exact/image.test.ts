import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Fault } from '../../src/core/faults.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import { compile } from '../../src/exact/compile.js'
import { compare, floorOf, ratio, rational, toDouble, toSingle } from '../../src/exact/operators/rational.js'
import { expectNear, filled, places, valuesOf } from './naive.js'
import { modelOf, runNode, type Given } from './one-node.js'

describe('rational numbers', () => {
  test('a quotient rounds to binary32 as binary64 division and rounding do where those are exact', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (v) => {
        expect(toSingle(rational(v)) + 0).toBe(v + 0)
        expect(toDouble(rational(v)) + 0).toBe(v + 0)
      }),
    )
  })

  test('rounding is to nearest, ties to even', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 30), max: 2 ** 30 }), fc.integer({ min: 1, max: 2 ** 30 }), (n, d) => {
        expect(toDouble(ratio(n, d)) + 0).toBe(n / d + 0)
        const single = toSingle(ratio(n, d))
        const error = (v: number) => {
          const difference = { n: BigInt(n) * rational(v).d - rational(v).n * BigInt(d), d: BigInt(d) * rational(v).d }
          return difference.n < 0n ? { ...difference, n: -difference.n } : difference
        }
        for (const other of neighbours(single)) expect(compare(error(single), error(other))).toBeLessThanOrEqual(0)
        expect(floorOf(ratio(n, d))).toBe(Math.floor(n / d))
      }),
    )
    expect(toSingle(ratio(2 ** 25 + 1, 2 ** 24))).toBe(2)
    expect(toSingle(ratio(2n ** 60n + 2n ** 36n + 1n, 2n ** 60n))).toBe(1 + 2 ** -23)
  })

  /** The binary32 numbers beside one. */
  function neighbours(v: number): number[] {
    const bits = new Int32Array(Float32Array.of(v).buffer)[0]
    return [bits - 1, bits + 1].map((b) => new Float32Array(Int32Array.of(b).buffer)[0]).filter(Number.isFinite)
  }
})

/** One axis resized linearly by its formula. */
function linear(values: readonly number[], out: number, coordinate: (x: number) => number): number[] {
  return Array.from({ length: out }, (_, i) => {
    const x = Math.min(Math.max(coordinate(i), 0), values.length - 1)
    const low = Math.floor(x)
    return values[low] * (1 - x + low) + values[Math.min(low + 1, values.length - 1)] * (x - low)
  })
}

const row = filled([1, 1, 5], 2)
const scales = (values: number[]) => ({ constant: tensor('float32', [values.length], values) })
const sizes = (values: number[]) => ({ constant: tensor('int64', [values.length], values.map(BigInt)) })

const resizeTo = async (out: number, attributes: Record<string, Given>, x: Tensor = row) =>
  (await runNode({ op: 'Resize', opset: 19, inputs: [x, undefined, undefined, sizes([1, 1, out])], attributes }))[0]

describe('Resize', () => {
  const MODES: readonly (readonly [string, (x: number, out: number) => number])[] = [
    ['half_pixel', (x, out) => ((x + 0.5) * 5) / out - 0.5],
    ['asymmetric', (x, out) => (x * 5) / out],
    ['align_corners', (x, out) => (x * 4) / (out - 1)],
    ['pytorch_half_pixel', (x, out) => ((x + 0.5) * 5) / out - 0.5],
    ['half_pixel_symmetric', (x, out) => ((x + 0.5) * 5) / out - 0.5],
  ]

  test.each(MODES)('linear, %s', async (coordinate_transformation_mode, coordinate) => {
    for (const out of [3, 5, 8]) {
      const y = await resizeTo(out, { mode: 'linear', coordinate_transformation_mode })
      expectNear(
        y,
        linear(valuesOf(row), out, (x) => coordinate(x, out)),
        { dims: [1, 1, out] },
      )
    }
  })

  test.each([
    ['round_prefer_floor', [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]],
    ['round_prefer_ceil', [0, 1, 1, 2, 2, 3, 3, 4, 4, 4]],
    ['floor', [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]],
    ['ceil', [0, 1, 1, 2, 2, 3, 3, 4, 4, 4]],
  ])('nearest, ties by %s', async (nearest_mode, at) => {
    const attributes = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode }
    const y = await resizeTo(10, attributes)
    expect(valuesOf(y)).toEqual(at.map((i) => row.data[i]))
  })

  test('cubic weights of a middle are -3/32, 19/32, 19/32, -3/32', async () => {
    const y = await resizeTo(10, { mode: 'cubic', coordinate_transformation_mode: 'asymmetric' })
    const v = valuesOf(row)
    expectNear(tensor('float32', [1], [Number(y.data[5])]), [(-3 * (v[1] + v[4]) + 19 * (v[2] + v[3])) / 32])
  })

  test('weights sum to one: a constant stays as it is', async () => {
    const flat = tensor('float32', [1, 1, 7], new Array<number>(7).fill(1))
    for (const mode of ['linear', 'cubic'])
      for (const antialias of [0, 1])
        for (const exclude_outside of [0, 1])
          expectNear(await resizeTo(3, { mode, antialias, exclude_outside }, flat), [1, 1, 1])
  })

  test('antialias averages what it leaves out', async () => {
    const y = await resizeTo(2, { mode: 'linear', antialias: 1 }, tensor('float32', [1, 1, 4], [0, 1, 2, 3]))
    expectNear(y, [5 / 7, 16 / 7], { relative: 0.06 })
  })

  test('tf_crop_and_resize reads a region and extrapolates outside', async () => {
    const roi = scales([0, 0, 0.5, 1, 1, 1.5])
    const attributes = {
      mode: 'linear',
      coordinate_transformation_mode: 'tf_crop_and_resize',
      extrapolation_value: { float: 9 },
    }
    const x = tensor('float32', [1, 1, 5], [0, 1, 2, 3, 4])
    const [y] = await runNode({ op: 'Resize', opset: 13, inputs: [x, roi, undefined, sizes([1, 1, 3])], attributes })
    expect(valuesOf(y)).toEqual([2, 4, 9])
  })

  test.each([
    ['not_larger', [1, 1, 4, 6]],
    ['not_smaller', [1, 1, 6, 9]],
  ])('keep_aspect_ratio_policy %s', async (keep_aspect_ratio_policy, dims) => {
    const x = filled([1, 1, 4, 6])
    const [y] = await runNode({
      op: 'Resize',
      opset: 18,
      inputs: [x, undefined, undefined, sizes([6, 6])],
      attributes: { axes: [2, 3], keep_aspect_ratio_policy },
    })
    expect(y.dims).toEqual(dims)
  })

  test('integers are rounded half to even and kept in range', async () => {
    const x = tensor('uint8', [1, 1, 2], [0, 255])
    expect(valuesOf(await resizeTo(3, { mode: 'linear', coordinate_transformation_mode: 'align_corners' }, x))).toEqual(
      [0, 128, 255],
    )
    const sharp = tensor('uint8', [1, 1, 4], [0, 255, 255, 0])
    expect(Math.max(...valuesOf(await resizeTo(16, { mode: 'cubic' }, sharp)))).toBe(255)
  })

  test('old forms: Resize-10 and Upsample', async () => {
    const x = tensor('float32', [1, 1, 3], [1, 2, 3])
    const [nearest] = await runNode({ op: 'Resize', opset: 10, inputs: [x, scales([1, 1, 2])] })
    expect(valuesOf(nearest)).toEqual([1, 1, 2, 2, 3, 3])
    const [line] = await runNode({
      op: 'Upsample',
      opset: 9,
      inputs: [x, scales([1, 1, 2])],
      attributes: { mode: 'linear' },
    })
    expect(valuesOf(line)).toEqual([1, 1.5, 2, 2.5, 3, 3])
    const [old] = await runNode({
      op: 'Upsample',
      opset: 7,
      inputs: [x],
      attributes: { scales: { floats: [1, 1, 2] } },
    })
    expect(old.data).toEqual(nearest.data)
  })

  test('a hostile scale is refused by name', () => {
    const model = (scale: number) =>
      modelOf({ op: 'Resize', opset: 13, inputs: [row, undefined, scales([1, 1, scale])] })
    expect(() => compile(model(-1))).toThrow(expect.objectContaining({ code: 'onnx/bad-node' }) as Fault)
    expect(() => compile(model(1e30))).toThrow(expect.objectContaining({ code: 'exact/too-large' }) as Fault)
  })
})

/** What an image holds at a place between elements, zero outside. */
function bilinear(x: Tensor, channel: number, [y, xx]: readonly [number, number]): number {
  const [, , h, w] = x.dims
  const at = (i: number, j: number) =>
    i < 0 || j < 0 || i >= h || j >= w ? 0 : Number(x.data[(channel * h + i) * w + j])
  const [i, j] = [Math.floor(y), Math.floor(xx)]
  const [s, t] = [y - i, xx - j]
  return (
    at(i, j) * (1 - s) * (1 - t) + at(i, j + 1) * (1 - s) * t + at(i + 1, j) * s * (1 - t) + at(i + 1, j + 1) * s * t
  )
}

describe('images read at places that are data', () => {
  const image = filled([1, 2, 4, 5], 3)
  const grid = tensor(
    'float32',
    [1, 3, 3, 2],
    valuesOf(filled([18], 4)).map((v) => v * 1.3),
  )

  test('GridSample reads between elements', async () => {
    const [y] = await runNode({ op: 'GridSample', opset: 20, inputs: [image, grid], attributes: { align_corners: 1 } })
    const expected = places([2, 9]).map(([c, p]) => {
      const [gx, gy] = [Number(grid.data[2 * p]), Number(grid.data[2 * p + 1])]
      return bilinear(image, c, [((gy + 1) / 2) * 3, ((gx + 1) / 2) * 4])
    })
    expectNear(y, expected, { dims: [1, 2, 3, 3], relative: 1e-5 })
  })

  test('every mode and padding of GridSample has one result on every runtime', async () => {
    for (const mode of ['nearest', 'linear', 'cubic'])
      for (const padding_mode of ['zeros', 'border', 'reflection'])
        for (const align_corners of [0, 1])
          await runNode({
            op: 'GridSample',
            opset: 20,
            inputs: [image, grid],
            attributes: { mode, padding_mode, align_corners },
          })
  })

  test('GridSample on the identity grid of AffineGrid gives the image back', async () => {
    const theta = tensor('float32', [1, 2, 3], [1, 0, 0, 0, 1, 0])
    const attributes = { align_corners: 1 }
    const [identity] = await runNode({ op: 'AffineGrid', opset: 20, inputs: [theta, sizes([1, 2, 4, 5])], attributes })
    const [y] = await runNode({ op: 'GridSample', opset: 20, inputs: [image, identity], attributes })
    expectNear(y, valuesOf(image), { relative: 2e-6 })
  })

  test('RoiAlign averages its samples', async () => {
    const rois = tensor('float32', [1, 4], [0.5, 0.25, 3, 2.75])
    const attributes = { output_height: 2, output_width: 1, sampling_ratio: 2, spatial_scale: { float: 1 } }
    const [y] = await runNode({
      op: 'RoiAlign',
      opset: 16,
      inputs: [image, rois, tensor('int64', [1], [0n])],
      attributes,
    })
    const expected = places([2, 2]).map(([c, ph]) => {
      const samples = places([2, 2]).map(([i, j]) =>
        bilinear(image, c, [-0.25 + 1.25 * ph + (i + 0.5) * 0.625, (j + 0.5) * 1.25]),
      )
      return samples.reduce((a, b) => a + b) / 4
    })
    expectNear(
      y,
      expected.map((v) => v),
      { dims: [1, 2, 2, 1], relative: 0.2 },
    )
    await runNode({
      op: 'RoiAlign',
      opset: 10,
      inputs: [image, rois, tensor('int64', [1], [0n])],
      attributes: { ...attributes, mode: 'max' },
    })
  })

  test('DeformConv without offsets is Conv', async () => {
    const [w, bias] = [filled([3, 1, 2, 2], 5), filled([3], 6)]
    const x = filled([1, 3, 4, 4], 7)
    const attributes = { group: 3, pads: [1, 0, 0, 1] }
    const offset = tensor('float32', [1, 8, 4, 4], new Array<number>(128).fill(0))
    const [y] = await runNode({ op: 'DeformConv', opset: 19, inputs: [x, w, offset, bias], attributes })
    const [plain] = await runNode({ op: 'Conv', opset: 11, inputs: [x, w, bias], attributes })
    expectNear(y, valuesOf(plain), { dims: plain.dims })
  })

  test('an adaptive number of samples is refused', () => {
    const rois = tensor('float32', [1, 4], [0, 0, 1, 1])
    const model = modelOf({ op: 'RoiAlign', opset: 16, inputs: [image, rois, tensor('int64', [1], [0n])] })
    expect(() => compile(model)).toThrow(expect.objectContaining({ code: 'exact/unsupported-operator' }) as Fault)
  })
})
