/**
 * A model from the world: MNIST-8 of the ONNX model zoo on real handwritten digits, where ../shared/models has them; else the digits of
 * fixtures/. Each picture is run exactly on two runtimes, which must agree in every bit.
 */
import { existsSync, readFileSync } from 'node:fs'
import { Program, Runtime, Tensor, Trace } from 'countersign'
import { readModel } from 'countersign/disk'
import { ortWeb } from 'countersign/runtime/ort-web'
import { DIGITS, MODEL, best, picture, type Digit } from './digits.js'

const shared = new URL('../../shared/models/', import.meta.url).pathname
const real = existsSync(`${shared}mnist-8.onnx`) && existsSync(`${shared}mnist-8.digits.json`)

/** Three real digits of 28 x 28. */
function realDigits(): Digit[] {
  const digits = JSON.parse(readFileSync(`${shared}mnist-8.digits.json`, 'utf8')) as {
    input: number[]
    label: number
  }[]
  return digits.map(({ input, label }) => ({ label, pixels: Tensor.tensor('float32', [1, 1, 28, 28], input) }))
}

console.log(real ? 'mnist-8, real digits' : 'no mnist-8 in ../shared/models: the digits of fixtures/ instead')
const { model } = await readModel(real ? `${shared}mnist-8.onnx` : MODEL)
const digits = real ? realDigits() : DIGITS.slice(0, 3)
const name = model.graph.inputs[0].name
const { program, state } = Program.compile(model, { inputs: { [name]: digits[0].pixels } })
console.log(`${program.counts.nodes} exact ops, ${state.reduce((sum, { data }) => sum + data.length, 0)} weights`)

for (const { label, pixels } of digits) {
  const work = { program, state, inputs: [[pixels]] }
  const [wasm, definition] = [await Trace.record(work, ortWeb()), await Trace.record(work, Runtime.reference())]
  const same = Tensor.equalBits(wasm.outputs[0], definition.outputs[0])
  const answer = best(wasm.outputs[0])
  console.log(
    `${picture(pixels).join('\n')}\na ${label}, read as ${answer}; the runtimes ${same ? 'agree in every bit' : 'DIFFER'}`,
  )
  if (!same || answer !== label) process.exitCode = 1
}
