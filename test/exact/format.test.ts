import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/core/bytes.js'
import { Fault } from '../../src/core/faults.js'
import { tensor } from '../../src/core/tensor.js'
import { Builder } from '../../src/exact/builder.js'
import { decode, encode, hash, leavesOf } from '../../src/exact/format.js'
import { conformanceCases } from '../../src/runtime/conformance.js'
import { network } from '../trace/work.js'

const programs = () => [
  network().program,
  network({ carries: true }).program,
  ...conformanceCases().map((c) => c.program),
]

describe('program bytes', () => {
  test('decoding what was encoded gives the same program, bytes and root', () => {
    for (const program of programs()) {
      const again = decode(encode(program))
      expect(again).toEqual(program)
      expect(toHex(hash(again))).toBe(toHex(hash(program)))
    }
  })

  test('the largest leaf, a slice of rank 8, is under 1 KiB', () => {
    const b = new Builder()
    const dims = [2, 2, 2, 2, 2, 2, 2, 2]
    const x = b.input('x', { dtype: 'float32', dims })
    const y = b.op('Slice', [x], { starts: dims.map(() => 1), ends: dims.map(() => -1), steps: dims.map(() => -1) })
    const leaves = leavesOf(b.finish({ outputs: [['y', y]] }).program)
    expect(Math.max(...leaves.map((leaf) => leaf.length))).toBeLessThanOrEqual(1024)
  })

  test('a flipped bit in any byte is refused by name, or is another program', () => {
    const b = new Builder()
    const x = b.input('x', { dtype: 'float32', dims: [2, 3] })
    const y = b.add(b.transpose(b.reshape(x, [3, 2]), [1, 0]), b.constant(tensor('float32', [3], [1, 2, 3])))
    const { program } = b.finish({ outputs: [['y', y]] })
    const bytes = encode(program)
    const root = toHex(hash(program))
    for (let at = 0; at < bytes.length * 8; at++) {
      const flipped = bytes.slice()
      flipped[at >> 3] ^= 1 << (at & 7)
      try {
        expect(toHex(hash(decode(flipped)))).not.toBe(root)
      } catch (error) {
        if (!Fault.is(error)) throw error
      }
    }
  })

  test('truncated or extended bytes are refused', () => {
    const bytes = encode(network().program)
    for (const length of [0, 7, 12, 100, bytes.length - 1]) expect(() => decode(bytes.slice(0, length))).toThrow(Fault)
    expect(() => decode(new Uint8Array([...bytes, 0]))).toThrow(expect.objectContaining({ code: 'exact/bad-program' }))
  })

  test('any change of an attribute, an operand, a dtype, dims, an output or a name is another root', () => {
    const build = ({ perm = [1, 0], name = 'y', twice = false, dtype = 'float32' as const, rows = 2 } = {}) => {
      const b = new Builder()
      const x = b.input('x', { dtype, dims: [rows, 2] })
      const t = b.op('Transpose', [x], { perm })
      const y = b.sub(t, twice ? t : x)
      return toHex(hash(b.finish({ outputs: [[name, y]] }).program))
    }
    const roots = [
      build(),
      build({ perm: [0, 1] }),
      build({ name: 'z' }),
      build({ twice: true }),
      build({ dtype: 'float64' as never }),
    ]
    expect(new Set(roots).size).toBe(roots.length)
  })
})

describe('compiling', () => {
  test('constants that would take too long to compute are refused, not computed', () => {
    const b = new Builder()
    const wide = b.constant(tensor('float32', [64, 4096], new Float32Array(64 * 4096).fill(0.5)))
    const tall = b.constant(tensor('float32', [4096, 64], new Float32Array(64 * 4096).fill(0.25)))
    const many = () => {
      let x = wide
      for (let i = 0; i < 10_000; i++)
        x = b.constant(
          tensor(
            'float32',
            [64, 4096],
            new Float32Array(64 * 4096).fill(i + Number(b.matmul(x, tall).value!.data[0] > 0)),
          ),
        )
    }
    expect(many).toThrow(expect.objectContaining({ code: 'exact/too-large' }))
  }, 60_000)
})
