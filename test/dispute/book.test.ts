import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/core/bytes.js'
import { tensor } from '../../src/core/tensor.js'
import { Book } from '../../src/dispute/book.js'
import { runFor } from '../../src/dispute/own-run.js'
import { Builder } from '../../src/exact/builder.js'
import { EMPTY_ROOT } from '../../src/merkle/tree.js'
import { reference } from '../../src/runtime/reference.js'

/** One step of a sum over two numbers: values x and s, of which s has one element. */
async function summing(): Promise<Book> {
  const builder = new Builder()
  const x = builder.input('x', { dtype: 'float32', dims: [2] })
  const { program } = builder.finish({ outputs: [['s', builder.op('ReduceSum', [x], { axes: 1 })]] })
  const run = await runFor({ program, state: [], inputs: [[tensor('float32', [2], [1, 2])]] }, reference())
  return new Book(run)
}

describe('expansions that a provider is asked for', () => {
  test('have leaves where there is something to expand', async () => {
    const { size } = await (await summing()).commit({ name: 'expansion', step: 0, value: 1, element: 0 })
    expect(size).toBeGreaterThan(0)
  })

  test.each([
    ['of an input', 0, 0],
    ['of an element that is not there', 1, 1],
    ['of the last element that a contract can name', 1, Number(2n ** 64n - 1n)],
  ])('%s are committed as nothing, so that an honest provider can answer', async (_, value, element) => {
    const { size, root } = await (await summing()).commit({ name: 'expansion', step: 0, value, element })
    expect([size, toHex(root)]).toEqual([0, toHex(EMPTY_ROOT)])
  })
})
