import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { adam } from '../../src/autodiff/optimizers.js'
import { accuracy } from '../../src/autodiff/losses.js'
import { from } from '../../src/autodiff/training.js'
import { tensor, type Tensor } from '../../src/core/tensor.js'
import { standalone } from '../../src/exact/lower.js'
import { decode } from '../../src/onnx/decode.js'
import { encode } from '../../src/onnx/encode.js'
import { reference } from '../../src/runtime/reference.js'
import { NETWORKS } from './networks.js'

const toOrt = ({ dtype, dims, data }: Tensor) => new OrtTensor(dtype as 'float32', data as Float32Array, dims)

test('a training program saved as one .onnx file gives the same bits in ONNX Runtime alone, step by step', async () => {
  for (const build of Object.values(NETWORKS)) {
    const { compiled, inputs, labels } = build()
    const { program, state } = from(compiled, {
      loss: 'softmax-cross-entropy',
      optimizer: adam(0.05),
      metrics: [accuracy],
    })
    const file = encode(standalone(program, state))
    expect(
      decode(file)
        .graph.inputs.map(({ name }) => name)
        .slice(0, 3),
    ).toEqual(['x', 'targets', 'step'])

    const alone = await InferenceSession.create(file, { graphOptimizationLevel: 'disabled' })
    const exact = await reference().open(program, state)
    const carried = program.carries.map(({ parameter }) => parameter)
    const nameOf = (i: number) => program.names.parameters[i]
    let held: Record<string, OrtTensor> = Object.fromEntries(carried.map((i) => [nameOf(i), toOrt(state[i])]))
    for (let index = 0; index < 3; index++) {
      const step = tensor('int64', [], [BigInt(index)])
      const feeds = { x: toOrt(inputs[0]), targets: toOrt(labels), step: toOrt(step) }
      const results = await alone.run({ ...feeds, ...held })
      const { outputs } = await exact.step([...inputs, labels, step])
      expect(results.loss.data).toEqual(outputs[0].data)
      expect(results.accuracy.data).toEqual(outputs[1].data)
      expect(Array.from(results.suspicions.data as Int32Array).some((flag) => flag !== 0)).toBe(false)
      held = Object.fromEntries(carried.map((i) => [nameOf(i), results[`next ${nameOf(i)}`] as OrtTensor]))
    }
    for (const i of carried) expect(held[nameOf(i)].data, nameOf(i)).toEqual(exact.state[i].data)
    await alone.release()
  }
})
