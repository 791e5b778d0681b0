/**
 * Makes the fixtures of digits: fixtures/digits.onnx, digits-test.json, digit-7.json. `npm run fixtures`. The same bytes every time, on
 * every machine: the drawings follow from seeds, and training is exact.
 */
import { writeFileSync } from 'node:fs'
import { toHex } from '../src/core/bytes.js'
import { encode } from '../src/onnx/encode.js'
import { ortNode } from '../src/runtime/ort-node.js'
import { SIDE, drawMany, type Sample } from './digits/draw.js'
import { classify, learn, modelOf, runOf } from './digits/learn.js'

/** What is drawn and how the network is trained. */
export const RECIPE = {
  training: { seed: 'countersign digits, training', count: 800 },
  test: { seed: 'countersign digits, test', count: 200 },
  learn: { seed: 'countersign digits, learn', epochs: 8, batch: 16, rate: 0.01 },
  /** Of the test drawings these many are kept in the repository. */
  kept: 50,
} as const

const json = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value)}\n`)

/** A drawing as an input that `countersign run` takes. */
const inputOf = ({ pixels }: Sample) => json({ dtype: 'float32', dims: [1, 1, SIDE, SIDE], data: [...pixels] })

/** All fixtures by file name, and how many of the test drawings the network tells right. */
export async function makeDigits(): Promise<{ files: Map<string, Uint8Array>; right: number }> {
  const { training, test, kept } = RECIPE
  const runtime = ortNode()
  const weights = await learn(runOf(drawMany(training.seed, training.count), RECIPE.learn), runtime)
  const unseen = drawMany(test.seed, test.count)
  const seen = await classify(weights, unseen, runtime)
  const digits = unseen.slice(0, kept).map(({ label, pixels }) => ({ label, pixels: toHex(pixels) }))
  const files = new Map([
    ['digits.onnx', encode(modelOf(weights, 'probabilities'))],
    ['digits-test.json', json({ side: SIDE, digits })],
    ['digit-7.json', inputOf(unseen[7])],
  ])
  return { files, right: unseen.filter(({ label }, i) => seen[i] === label).length }
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { files, right } = await makeDigits()
  for (const [name, bytes] of files) {
    writeFileSync(new URL(`../fixtures/${name}`, import.meta.url), bytes)
    console.log(`fixtures/${name}  ${bytes.length} bytes`)
  }
  console.log(`${right} of ${RECIPE.test.count} unseen drawings are told right`)
}
