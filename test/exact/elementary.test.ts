import { describe, expect, test } from 'vitest'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import { ELEMENTARY, type ElementaryName } from '../../src/exact/elementary/index.js'
import { conform } from './conform.js'

/** Every binary32 number whose bits are a multiple of `step`, with edges of both signs. */
function sweep(step: number): Tensor {
  const bits: number[] = []
  for (let at = 0; at < 2 ** 32; at += step) bits.push(at)
  bits.push(
    0x80000000,
    1,
    0x80000001,
    0x7f800000,
    0xff800000,
    0x7fc00000,
    0x3f800000,
    0xbf800000,
    0x7f7fffff,
    0x00800000,
  )
  return { dtype: 'float32', dims: [bits.length], data: new Float32Array(Uint32Array.from(bits).buffer) }
}

describe('elementary functions', () => {
  const x = sweep(104729)
  for (const name of Object.keys(ELEMENTARY) as ElementaryName[])
    test(`${name} has the same bits on every runtime`, async () => {
      const [y] = await conform((b, [a]) => [b.op(name, [a])], [x])
      expect(y.data.length).toBe(x.data.length)
      expect([...(y.data as Float32Array)].some((v) => Object.is(v, -0))).toBe(false)
    })

  test('Pow of every pair of edge values has the same bits on every runtime', async () => {
    const edges = [
      0,
      -0,
      1,
      -1,
      0.5,
      2,
      3,
      -3,
      4097,
      1e-45,
      -1e-40,
      3e38,
      16777217,
      0.1,
      88.7,
      Infinity,
      -Infinity,
      NaN,
    ]
    const values = tensor('float32', [edges.length, 1], edges)
    const [y] = await conform((b, [p, q]) => [b.op('Pow', [p, q])], [values, { ...values, dims: [1, edges.length] }])
    expect(y.data.length).toBe(edges.length ** 2)
  })

  test('float16 and bfloat16 operands are widened, computed and rounded', async () => {
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const bits = tensor(
        dtype,
        [1024],
        Uint16Array.from({ length: 1024 }, (_, i) => i * 64),
      )
      await conform((b, [a]) => [b.op('Tanh', [a]), b.op('Exp', [a])], [bits])
    }
  })
})
