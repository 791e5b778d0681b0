/**
 * What constraints show of a value (`Form.enforced`), on which the roots behind a challenge rest.
 */
import { expect, test } from 'vitest'
import type { Tensor } from '../../src/core/tensor.js'
import { ABSENT } from '../../src/exact/program.js'
import { intervals } from '../../src/quantize/index.js'
import { within } from '../../src/quantize/interval.js'
import { evaluate } from '../../src/runtime/reference.js'
import { integersOf } from '../../src/zk/commit.js'
import { Draft, type Form } from '../../src/zk/draft.js'
import { Writer, writeValues } from '../../src/zk/writer.js'
import { draws } from '../../bench/zk-models.js'
import { allBlocks, drawInputs } from './bare.js'
import { LITTLE, checkedProduct, type Little } from './ops.js'

/** The form of every value. */
async function formsOf({ program, given }: Little): Promise<Form[]> {
  const draft = new Draft(await allBlocks())
  const writer = new Writer(program, draft, intervals(program, { given }))
  writeValues(program, { writer })
  return program.values.map((_, number) => writer.form(number))
}

/** Every value of a run. */
function valuesOf({ program }: Little, inputs: readonly Tensor[]): Tensor[] {
  const known: Tensor[] = []
  program.values.forEach((value, number) => {
    if (value.kind === 'constant') known.push(value.tensor)
    else if (value.kind !== 'node') known.push(inputs[number - program.counts.parameters])
    else
      known.push(
        evaluate(
          program,
          number,
          value.inputs.filter((id) => id !== ABSENT).map((id) => known[id]),
        ),
      )
  })
  return known
}

test.each(Object.entries(LITTLE))('%s: no value of a run leaves what is shown of it', async (_name, make) => {
  const [little, draw] = [make(4), draws(81)]
  const forms = await formsOf(little)
  const shown = forms.filter(({ enforced }) => enforced !== undefined)
  expect(shown.length).toBeGreaterThanOrEqual(little.program.counts.inputs)
  for (let round = 0; round < 40; round++)
    valuesOf(little, drawInputs(little, draw, round % 2 === 0)).forEach((value, number) => {
      const { enforced } = forms[number]
      if (enforced === undefined) return
      for (const each of integersOf(value)) expect(within({ lo: each, hi: each }, enforced)).toBe(true)
    })
})

test('nothing is shown of a guessed product, nor of what follows from it without bits of its own', async () => {
  const little = checkedProduct()
  const forms = await formsOf(little)
  const { values } = little.program
  const product = values.findIndex((value) => value.kind === 'node' && value.op === 'MatMul')
  expect(forms[product].name).toMatch(/^y_/)
  const after = values.map((value, number) => ({ value, number })).filter(({ number }) => number >= product)
  const unshown = after.filter(({ number }) => forms[number].enforced === undefined).map(({ value }) => value)
  expect(unshown.map((value) => (value.kind === 'node' ? value.op : value.kind))).toEqual([
    'MatMul',
    'Cast',
    'Add',
    'Add',
    'Sub',
  ])
  const quotient = after.find(({ value }) => value.kind === 'node' && value.op === 'Div')!
  expect(forms[quotient.number].enforced).toBeDefined()
})
