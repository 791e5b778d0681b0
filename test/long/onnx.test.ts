/**
 * Hostile .onnx files at length: floods of 32 MB in a process whose heap would not hold what a careless reader makes of
 * them, and every flipped bit in the structure of a real-sized model.
 */
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { utf8 } from '../../src/core/bytes.js'
import { decode } from '../../src/onnx/decode.js'
import { encode } from '../../src/onnx/encode.js'
import { faultOf, floats, graph, model, node, value } from '../onnx/build.js'

const build = new URL('../onnx/build.ts', import.meta.url).href
const reader = new URL('../../src/onnx/decode.ts', import.meta.url).href

/** Reads a flood in a process of its own; gives what it printed: the outcome. */
function readAlone(expression: string): { outcome: string; status: number | null } {
  const script = `
    import { bytes, flood, lengthed, number, faultOf } from ${JSON.stringify(build)}
    import { decode } from ${JSON.stringify(reader)}
    const nothing = new Uint8Array(0), size = 2 ** 25
    const text = (name) => new TextEncoder().encode(name)
    const op = lengthed(4, text('A'))
    const node = (...parts) => lengthed(1, bytes(op, ...parts))
    const attribute = (type, ...parts) => node(lengthed(5, bytes(lengthed(1, text('a')), number(20, type), ...parts)))
    const value = lengthed(13, bytes(lengthed(1, text('v')), lengthed(2, lengthed(1, lengthed(2, nothing)))))
    const file = (...parts) => bytes(number(1, 10n), lengthed(8, number(2, 21n)), lengthed(7, bytes(...parts)))
    const data = ${expression}
    console.log(faultOf(() => decode(data)))`
  const limits = ['--max-old-space-size=2048', '--import', 'tsx', '--input-type=module', '-e', script]
  const { stdout, status } = spawnSync(process.execPath, limits, { encoding: 'utf8', timeout: 120_000 })
  return { outcome: stdout.trim(), status }
}

describe('32 MB in a heap of 2 GB', () => {
  test.each([
    ['nodes', 'file(flood(node(), size))', 'core/too-large'],
    ['attributes', 'file(flood(attribute(2n), size))', 'core/too-large'],
    ['graphs', 'file(attribute(10n, flood(lengthed(11, nothing), size)))', 'core/too-large'],
    ['typed values', 'file(flood(value, size))', 'core/too-large'],
    [
      'extents',
      'file(lengthed(13, bytes(lengthed(1, text("v")), lengthed(2, lengthed(1, lengthed(2, flood(lengthed(1, nothing), size)))))))',
      'core/too-large',
    ],
    ['strings', 'file(attribute(8n, flood(lengthed(9, nothing), size)))', 'core/too-large'],
    ['inputs of a node', 'file(node(flood(lengthed(1, nothing), size)))', 'no fault'],
    ['packed integers', 'file(attribute(7n, lengthed(8, new Uint8Array(size))))', 'core/too-large'],
    ['unpacked integers', 'file(attribute(7n, flood(number(8, 1n), size)))', 'core/too-large'],
    [
      'a constant of small integers',
      'file(lengthed(5, bytes(number(1, BigInt(size)), number(2, 7n), lengthed(8, text("w")), lengthed(7, new Uint8Array(size)))))',
      'no fault',
    ],
    [
      'raw bytes',
      'file(lengthed(5, bytes(number(1, BigInt(size)), number(2, 2n), lengthed(8, text("w")), lengthed(9, new Uint8Array(size)))))',
      'no fault',
    ],
    ['skipped bytes', 'file(lengthed(10, new Uint8Array(size)))', 'no fault'],
  ])(
    'of %s never end the process',
    (_, expression, outcome) => {
      expect(readAlone(expression)).toEqual({ outcome, status: 0 })
    },
    150_000,
  )
})

test('every flipped bit of a file of 60 nodes gives a model or a fault', () => {
  const nodes = Array.from({ length: 60 }, (_, i) =>
    node(`Add(v${i}, w) -> v${i + 1}`, { note: { kind: 'string', value: utf8(`n${i}`) } }),
  )
  const main = {
    ...graph({ inputs: ['v0'], outputs: ['v60'], nodes, initializers: [floats('w', [1, 2])] }),
    valueInfo: [value('v1', ['n', 2])],
  }
  const file = encode(model(main))
  let read = 0
  for (let bit = 0; bit < 8 * file.length; bit++) {
    file[bit >> 3] ^= 1 << (bit & 7)
    const fault = faultOf(() => decode(file))
    file[bit >> 3] ^= 1 << (bit & 7)
    expect(fault).toMatch(/^(onnx\/|core\/too-large|no fault)/)
    if (fault === 'no fault') read++
  }
  expect(read).toBeGreaterThan(0)
  expect(read).toBeLessThan(4 * file.length)
}, 300_000)
