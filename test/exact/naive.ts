/**
 * Test material: numbers that differ in every digit, and plain formulas in binary64 to compare with.
 * @module
 */
import { expect } from 'vitest'
import { sizeOf, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import { halfToNumber } from '../../src/exact/ops/halves.js'

/** Numbers in (-1, 1), the same in every run, different for every seed. */
export function numbers(count: number, seed = 1): number[] {
  let state = (seed * 2654435761) >>> 0
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.fround((state - 2 ** 31) / 2 ** 31)
  })
}

/** A tensor of such numbers. */
export const filled = (dims: readonly number[], seed = 1, dtype: DType = 'float32'): Tensor =>
  tensor(dtype, dims, numbers(sizeOf(dims), seed))

/** The elements as numbers. */
export const valuesOf = ({ dtype, data }: Tensor): number[] =>
  Array.from(data as ArrayLike<number | bigint>, (v) =>
    dtype === 'float16' || dtype === 'bfloat16' ? halfToNumber(dtype, Number(v)) : Number(v),
  )

/** Every element within `relative` of the largest expected one. */
export function expectNear(
  found: Tensor,
  expected: readonly number[],
  { dims, relative = 1e-6 }: { dims?: readonly number[]; relative?: number } = {},
): void {
  if (dims !== undefined) expect(found.dims.join()).toBe(dims.join())
  const values = valuesOf(found)
  expect(values.length).toBe(expected.length)
  const allowed = relative * Math.max(...expected.map(Math.abs), 1e-30)
  const at = values.findIndex((value, i) => !(Math.abs(value - expected[i]) <= allowed))
  if (at >= 0) expect(values[at], `element ${at}`).toBe(expected[at])
}

/** Coordinates of every place of a shape, in row-major order. */
export function places(dims: readonly number[]): number[][] {
  return dims.reduce<number[][]>(
    (all, dim) => all.flatMap((at) => Array.from({ length: dim }, (_, i) => [...at, i])),
    [[]],
  )
}

/** Row-major index of a place, -1 outside. */
export function indexOf(place: readonly number[], dims: readonly number[]): number {
  if (place.some((v, i) => v < 0 || v >= dims[i])) return -1
  return place.reduce((index, v, i) => index * dims[i] + v, 0)
}
