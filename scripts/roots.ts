/**
 * Prints the roots that one setting of one runtime gives, one JSON object a line: of the conformance table, and of all operator values
 * of model files with made-up inputs. Two settings agree when their lines do.
 * `npx tsx scripts/roots.ts ort-web --threads 2 [--optimization all] [FILE.onnx ...]`
 */
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { sizeOf, type Tensor, type TensorType } from '../src/core/tensor.js'
import { dtypeOf } from '../src/core/tensor.js'
import { toHex } from '../src/core/bytes.js'
import { readModel } from '../src/disk/index.js'
import { compile } from '../src/exact/compile.js'
import { conformanceCases, rootOf, sample } from '../src/runtime/conformance.js'
import { ortNode } from '../src/runtime/ort-node.js'
import { ortWeb } from '../src/runtime/ort-web.js'
import { reference } from '../src/runtime/reference.js'
import type { Runtime } from '../src/runtime/runtime.js'
import { commit, record } from '../src/trace/trace.js'
import type { ValueInfo } from '../src/onnx/graph.js'

/** Inputs for a model: free dimensions are 1; small integers for integer inputs. */
export function madeUpInputs(infos: readonly ValueInfo[]): Record<string, Tensor> {
  return Object.fromEntries(
    infos.map((info, i) => {
      const dtype = dtypeOf(info.dtype)!
      const dims = (info.dims ?? []).map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 1))
      const type: TensorType = { dtype, dims }
      const integer = dtype.startsWith('int') || dtype.startsWith('uint')
      const made = sample(integer ? { ...type, low: 0, high: 3 } : type, i + 1)
      // Edge values among activations are for the conformance table; here every element is moderate.
      const plain =
        sizeOf(dims) > 0 && dtype === 'float32'
          ? (made.data as Float32Array).map((v) => (Math.abs(v) > 100 || !(Math.abs(v) > 1e-6) ? 0.5 : v))
          : made.data
      return [info.name, { ...made, data: plain }]
    }),
  )
}

async function rootOfModel(path: string, runtime: Runtime): Promise<string> {
  const { model } = await readModel(path)
  const inputs = madeUpInputs(model.graph.inputs.filter((info) => !model.graph.initializers.has(info.name)))
  const { program, state } = compile(model, { inputs })
  const trace = await record({ program, state, inputs: [program.names.inputs.map((name) => inputs[name])] }, runtime, {
    operatorTrace: true,
  })
  return `${toHex(commit(trace).run)}${trace.refusal ? ` refused at ${trace.refusal.node}` : ''}`
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { threads: { type: 'string' }, optimization: { type: 'string' } },
})
const [name, ...models] = positionals
const threads = values.threads === undefined ? 1 : Number(values.threads)
const unsafeOptimization = values.optimization === 'all' ? 'all' : 'disabled'
const runtime =
  name === 'reference'
    ? reference()
    : name === 'ort-web'
      ? ortWeb({ threads, unsafeOptimization })
      : ortNode({ threads, unsafeOptimization })

for (const item of conformanceCases())
  console.log(JSON.stringify({ case: item.name, root: await rootOf(item, runtime) }))
for (const path of models) console.log(JSON.stringify({ case: basename(path), root: await rootOfModel(path, runtime) }))
process.exit(0)
