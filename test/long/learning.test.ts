/**
 * Learning from real handwritten digits: what the classifiers reach, and that exactness costs them nothing.
 */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { openPlain } from '../../bench/plain.js'
import * as Networks from '../../examples/networks.js'
import * as Recipe from '../../src/autodiff/recipe.js'
import { utf8 } from '../../src/core/bytes.js'
import { sha256 } from '../../src/core/sha256.js'
import { tensor } from '../../src/core/tensor.js'
import * as Course from '../../src/data/course.js'
import * as Dataset from '../../src/data/dataset.js'
import * as Initial from '../../src/data/initial.js'
import { compile } from '../../src/exact/compile.js'
import type { Model } from '../../src/onnx/graph.js'
import { ortNode } from '../../src/runtime/ort-node.js'
import { CLASSIFIERS, PRESENT, judge, runOf, train } from '../autodiff/optdigits.js'

const EPOCHS = 20
const SEED = sha256(utf8('countersign, learning'))
const runtime = ortNode({ threads: 1 })

/** Share of the 1,797 test digits that has to be read, and how many are: the same number on every machine. */
const REACHED = { mlp: { share: 0.95, right: 1741 }, cnn: { share: 0.97, right: 1768 } }

describe.skipIf(!PRESENT)(`within ${EPOCHS} epochs of exact training on real digits`, () => {
  for (const [name, { share, right }] of Object.entries(REACHED))
    test(`the ${name} reads ${100 * share} of 100 test digits`, { timeout: 300_000 }, async () => {
      const classifier = CLASSIFIERS[name as keyof typeof CLASSIFIERS]
      const run = await runOf(classifier, SEED, EPOCHS)
      const { state } = await train(run, runtime)
      const found = await judge(classifier, { ...run, state }, runtime)
      expect(found.all).toBe(1797)
      expect(found.right / found.all).toBeGreaterThanOrEqual(share)
      expect(found.right).toBe(right)
    })
})

/** Losses of the steps in plain float32, on the same batches from the same first weights. */
async function plainLosses({ program, state, inputs }: Course.Opened): Promise<number[]> {
  const session = await openPlain(program, state, 1)
  const losses: number[] = []
  for (let step = 0; step < inputs.length; step++) {
    const [loss] = await session.step(inputs.at(step)!)
    losses.push(Number(loss.data[0]))
  }
  await session.close()
  return losses
}

/** Means over `width` values, one behind the other. */
const averaged = (values: readonly number[], width: number) =>
  values.slice(width - 1).map((_, i) => values.slice(i, i + width).reduce((sum, value) => sum + value) / width)

const TEXT = new URL('../../../shared/data/text/shakespeare.txt', import.meta.url)

/** Pieces of a text in ASCII, one behind the other, each with the same one character later. */
function windowsOf(text: Uint8Array, tokens: number): Dataset.Dataset {
  const count = Math.floor((text.length - 1) / tokens)
  const column = (behind: number) => {
    const codes = text.subarray(behind, behind + count * tokens)
    return tensor('int64', [count, tokens], BigInt64Array.from(codes, BigInt))
  }
  return Dataset.from({ text: column(0), targets: column(1) })
}

/** A transformer that learns to continue a text, character by character. */
function writing(steps: number): Course.Opened {
  const [characters, tokens, batchSize] = [128, 32, 8]
  const model = Networks.transformer({ characters, tokens, width: 64, layers: 2, heads: 4 })
  const compiled = compile(model, { inputs: { text: { dtype: 'int64', dims: [batchSize, tokens] } } })
  const rate = { kind: 'cosine', rate: 3e-3, steps: 1000, warmUp: 20 } as const
  const recipe = Recipe.from({ loss: 'softmax-cross-entropy', optimizer: 'adamw', rate })
  const { program } = Recipe.train(compiled, recipe)
  const course = Course.from(windowsOf(readFileSync(TEXT), tokens), {
    batchSize,
    start: { rules: Initial.rulesFor(program) },
  })
  return Course.open(course, program, { job: SEED, steps })
}

async function reading(model: Model, steps: number): Promise<Course.Opened> {
  const run = await runOf(model, SEED, EPOCHS)
  return { ...run, inputs: { length: steps, at: (step) => run.inputs.at(step) } }
}

describe('over 200 steps exact training loses as much as plain float32, within 1 %', () => {
  const compare = async (run: Course.Opened) => {
    const exact = averaged((await train(run, runtime)).losses, 20)
    const plain = averaged(await plainLosses(run), 20)
    const low = plain.findIndex((loss) => loss < 0.05)
    const counted = low < 0 ? plain.length : low
    expect(counted).toBeGreaterThan(100)
    expect(plain[counted - 1]).toBeLessThan(0.7 * plain[0])
    const apart = exact.slice(0, counted).map((loss, i) => Math.abs(loss - plain[i]) / plain[i])
    expect(Math.max(...apart)).toBeLessThan(0.01)
  }
  for (const [name, model] of Object.entries(CLASSIFIERS))
    test.skipIf(!PRESENT)(`${name} on real digits`, { timeout: 300_000 }, async () =>
      compare(await reading(model, 200)),
    )
  test.skipIf(!existsSync(TEXT))('transformer on text', { timeout: 300_000 }, () => compare(writing(200)))
})
