/**
 * The digits of fixtures/ for the examples: drawings with labels, as tensors and as text.
 * @module
 */
import { readFileSync } from 'node:fs'
import { Bytes, Tensor } from 'countersign'

/** A drawing as the model's input, with the digit that it shows. */
export interface Digit {
  readonly label: number
  readonly pixels: Tensor.Tensor
}

const file = new URL('../fixtures/digits-test.json', import.meta.url)
const { side, digits } = JSON.parse(readFileSync(file, 'utf8')) as {
  side: number
  digits: { label: number; pixels: string }[]
}

/** All of them. */
export const DIGITS: readonly Digit[] = digits.map(({ label, pixels }) => ({
  label,
  pixels: Tensor.tensor('float32', [1, 1, side, side], [...Bytes.fromHex(pixels)]),
}))

/** The path of the model that tells them apart. */
export const MODEL = new URL('../fixtures/digits.onnx', import.meta.url).pathname

/** The digit with the largest of ten scores. */
export function best(scores: Tensor.Tensor): number {
  const values = [...(scores.data as Float32Array)]
  return values.indexOf(Math.max(...values))
}

/** A square picture as lines of text, darker for more ink. */
export function picture({ data, dims }: Tensor.Tensor): string[] {
  const width = dims[dims.length - 1]
  const inks = [...(data as Float32Array)].map((ink) => ' .:*#@'[Math.min(5, Math.floor(ink / 43))].repeat(2))
  return Array.from({ length: inks.length / width }, (_, y) => inks.slice(y * width, (y + 1) * width).join(''))
}
