import { describe, expect, test } from 'vitest'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import { ELEMENTARY, evaluate, type ElementaryName } from '../../src/exact/elementary/index.js'
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

  test('they agree with the host within a unit in the last place where the host is good', () => {
    const host: Partial<Record<ElementaryName, (v: number) => number>> = {
      Exp: Math.exp,
      Log: Math.log,
      Tanh: Math.tanh,
      Sin: Math.sin,
      Cos: Math.cos,
      Atan: Math.atan,
      Asinh: Math.asinh,
      Expm1: Math.expm1,
      Log1p: Math.log1p,
    }
    for (const [name, f] of Object.entries(host))
      for (let i = 1; i < 400; i++) {
        const v = Math.fround(i * 0.0173)
        const found = evaluate(name as ElementaryName, v)
        expect(Math.abs(found - f(v)), `${name}(${v})`).toBeLessThanOrEqual(2 ** -23 * Math.abs(f(v)))
      }
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
