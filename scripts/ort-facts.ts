/**
 * What stock ONNX Runtime does with single nodes, natively and as WebAssembly: why the lowering looks as it does.
 * `npx tsx scripts/ort-facts.ts [--json] [--write]`; --write puts the table into docs/numerics.md.
 */
import { spawnSync } from 'node:child_process'
import { arch, cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { DTYPES, sizeOf, tensor, type DType, type Tensor } from '../src/core/tensor.js'
import { encode } from '../src/onnx/encode.js'
import { modelFrom, protoOf, type Attribute, type Model, type ValueInfo } from '../src/onnx/graph.js'
import { fill, isMain, table, textOf, write } from './markdown.js'

type Package = 'onnxruntime-node' | 'onnxruntime-web'

/** One node with its operands; constants are initializers. */
interface Probe {
  readonly op: string
  readonly inputs: readonly Tensor[]
  readonly constants?: readonly Tensor[]
  readonly ints?: Readonly<Record<string, readonly number[] | number>>
  readonly output: { readonly dtype: DType; readonly dims: readonly number[] }
}

function modelOf({ op, inputs, constants = [], ints = {} }: Probe): Model {
  const names = inputs.map((_, i) => `x${i}`)
  const held = constants.map((value, i) => [`c${i}`, protoOf(value, `c${i}`)] as const)
  const attributes = Object.entries(ints).map(([name, value]): [string, Attribute] => [
    name,
    typeof value === 'number' ? { kind: 'int', value: BigInt(value) } : { kind: 'ints', value: value.map(BigInt) },
  ])
  const info = (name: string, { dtype, dims }: Tensor): ValueInfo => ({
    name,
    kind: 'tensor',
    dtype: DTYPES[dtype].code,
    dims,
  })
  const operands = [...names, ...held.map(([name]) => name)]
  return modelFrom({
    irVersion: 13,
    opsets: new Map([['', 26]]),
    graph: {
      name: 'probe',
      nodes: [
        { name: '', op, domain: '', overload: '', inputs: operands, outputs: ['y'], attributes: new Map(attributes) },
      ],
      inputs: inputs.map((value, i) => info(names[i], value)),
      outputs: [{ name: 'y', kind: 'unknown', dtype: 0, dims: undefined }],
      initializers: new Map(held),
      valueInfo: [],
    },
  })
}

async function run(from: Package, probe: Probe): Promise<Tensor['data']> {
  const ort = from === 'onnxruntime-node' ? await import('onnxruntime-node') : await import('onnxruntime-web')
  const session = await ort.InferenceSession.create(encode(modelOf(probe)), {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 3,
  })
  const feeds = probe.inputs.map(
    ({ dtype, dims, data }, i) => [`x${i}`, new ort.Tensor(dtype as 'float32', data as Float32Array, dims)] as const,
  )
  const { y } = await session.run(Object.fromEntries(feeds) as never)
  await session.release()
  return y.data as Tensor['data']
}

/** Deterministic float32 numbers in [-4, 4): a linear congruential generator, no transcendental functions. */
function numbers(count: number, dims: readonly number[] = [count]): Tensor {
  let state = 1
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 29 - 4
  return tensor('float32', dims, Float32Array.from({ length: count }, next))
}

const f32 = (...values: number[]) => tensor('float32', [values.length], values)
const scalar = (value: number | bigint): Tensor =>
  typeof value === 'bigint' ? tensor('int64', [1], [value]) : tensor('float32', [], [value])
const like = ({ dtype, dims }: Tensor) => ({ dtype, dims })

/** Values as people write them, the sign of zero included. */
const show = (data: Tensor['data']): string =>
  Array.from(data as Iterable<number | bigint>, (v) => (Object.is(v, -0) ? '-0' : String(v))).join(', ')

/** A fact: what is asked, and what should come of it by the definition. */
interface Fact {
  readonly name: string
  readonly defined: string
  readonly probe: Probe
}

const NAN_AT_70 = f32(...Array.from({ length: 128 }, (_, i) => (i === 70 ? NaN : i)))

const FACTS: readonly Fact[] = [
  {
    name: 'ReduceSum of int64 2^62 + 2^62',
    defined: String(-(1n << 63n)),
    probe: {
      op: 'ReduceSum',
      inputs: [tensor('int64', [2], [1n << 62n, 1n << 62n])],
      constants: [scalar(0n)],
      ints: { keepdims: 0 },
      output: { dtype: 'int64', dims: [] },
    },
  },
  {
    name: 'Where(true, -0, 1)',
    defined: '-0',
    probe: {
      op: 'Where',
      inputs: [tensor('bool', [1], [1]), f32(-0), f32(1)],
      output: { dtype: 'float32', dims: [1] },
    },
  },
  {
    name: 'Max(-0, 0), Max(0, -0)',
    defined: '0, 0',
    probe: { op: 'Max', inputs: [f32(-0, 0), f32(0, -0)], output: { dtype: 'float32', dims: [2] } },
  },
  { name: 'Relu(-0)', defined: '0', probe: { op: 'Relu', inputs: [f32(-0)], output: { dtype: 'float32', dims: [1] } } },
  {
    name: 'MaxPool over 1, NaN',
    defined: 'refused',
    probe: {
      op: 'MaxPool',
      inputs: [tensor('float32', [1, 1, 2], [1, NaN])],
      ints: { kernel_shape: [2] },
      output: { dtype: 'float32', dims: [1, 1, 1] },
    },
  },
  {
    name: 'ReduceMax over 128 with one NaN',
    defined: 'refused',
    probe: {
      op: 'ReduceMax',
      inputs: [NAN_AT_70],
      constants: [scalar(0n)],
      ints: { keepdims: 0 },
      output: { dtype: 'float32', dims: [] },
    },
  },
  {
    name: 'Cast 3e9, -3e9 to int32',
    defined: '2147483647, -2147483648',
    probe: { op: 'Cast', inputs: [f32(3e9, -3e9)], ints: { to: 6 }, output: { dtype: 'int32', dims: [2] } },
  },
  {
    name: 'Cast 300, -5 to uint8',
    defined: '255, 0',
    probe: { op: 'Cast', inputs: [f32(300, -5)], ints: { to: 2 }, output: { dtype: 'uint8', dims: [2] } },
  },
  {
    name: 'ScatterElements, one place twice',
    defined: '2 (the last)',
    probe: {
      op: 'ScatterElements',
      inputs: [f32(0), tensor('int64', [2], [0n, 0n]), f32(1, 2)],
      output: { dtype: 'float32', dims: [1] },
    },
  },
]

/** Operators whose own float32 results are compared between the packages, element by element. */
const OWN: readonly Fact[] = [
  ...(['Exp', 'Tanh', 'Sigmoid', 'Erf', 'Log', 'Softmax'] as const).map((op): Fact => {
    const x = numbers(10_000, [100, 100])
    return {
      name: `${op} of 10,000 numbers`,
      defined: '',
      probe: { op, inputs: [op === 'Log' ? absolute(x) : x], output: like(x) },
    }
  }),
  {
    name: 'MatMul 64 x 512 x 64',
    defined: '',
    probe: {
      op: 'MatMul',
      inputs: [numbers(64 * 512, [64, 512]), numbers(512 * 64, [512, 64])],
      output: { dtype: 'float32', dims: [64, 64] },
    },
  },
  {
    name: 'ReduceSum of 64 rows of 1,000',
    defined: '',
    probe: {
      op: 'ReduceSum',
      inputs: [numbers(64_000, [64, 1000])],
      constants: [scalar(1n)],
      ints: { keepdims: 0 },
      output: { dtype: 'float32', dims: [64] },
    },
  },
  {
    name: 'double MatMul of grid operands, 64 x 512 x 64',
    defined: '',
    probe: { op: 'MatMul', inputs: [onGrid(64, 512), onGrid(512, 64)], output: { dtype: 'float64', dims: [64, 64] } },
  },
]

function absolute(x: Tensor): Tensor {
  return { ...x, data: Float32Array.from(x.data as Float32Array, Math.abs) }
}

/** binary64 multiples of 2^-22 below 4: what the lowering hands to the kernel. */
function onGrid(rows: number, columns: number): Tensor {
  const { data } = numbers(rows * columns)
  return tensor(
    'float64',
    [rows, columns],
    Float64Array.from(data as Float32Array, (v) => Math.round(v * 2 ** 20) / 2 ** 20),
  )
}

/** An integer division whose quotient does not fit, in a process of its own. */
function overflowingDivision(): string {
  const child = spawnSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), '--divide'], {
    encoding: 'utf8',
  })
  return child.signal === null ? child.stdout.trim() : `the process dies of ${child.signal}`
}

const LOWEST = tensor('int32', [1], [-(2 ** 31)])
const DIVISION: Probe = { op: 'Div', inputs: [LOWEST, tensor('int32', [1], [-1])], output: like(LOWEST) }

const divide = async (): Promise<void> => console.log(show(await run('onnxruntime-node', DIVISION)))

/** A line of what was found. */
interface Finding {
  readonly name: string
  readonly defined: string
  readonly native: string
  readonly wasm: string
}

async function found({ name, defined, probe }: Fact): Promise<Finding> {
  const [native, wasm] = [await run('onnxruntime-node', probe), await run('onnxruntime-web', probe)]
  return { name, defined, native: show(native), wasm: show(wasm) }
}

async function compared({ name, probe }: Fact): Promise<readonly string[]> {
  const [native, wasm] = [await run('onnxruntime-node', probe), await run('onnxruntime-web', probe)]
  const count = sizeOf(probe.output.dims)
  let different = 0
  for (let i = 0; i < count; i++) if (!Object.is(native[i], wasm[i])) different++
  return [name, `${different.toLocaleString('en')} of ${count.toLocaleString('en')}`]
}

async function versions(): Promise<string> {
  const { env } = await import('onnxruntime-node')
  const known = env.versions as { node?: string; common: string }
  return `ONNX Runtime ${known.node ?? known.common}, ${cpus()[0]?.model.trim()}, ${process.platform} ${arch()}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`
}

async function main(args: readonly string[]): Promise<void> {
  const findings: Finding[] = []
  for (const fact of FACTS) findings.push(await found(fact))
  const own: (readonly string[])[] = []
  for (const fact of OWN) own.push(await compared(fact))
  const division = overflowingDivision()
  const wasmDivision = await run('onnxruntime-web', DIVISION).then(show, () => 'the module traps')
  if (args.includes('--json')) {
    for (const { name, defined, native, wasm } of findings)
      console.log(JSON.stringify({ bench: 'ort-facts', case: name, defined, native, wasm }))
    for (const [name, differ] of own)
      console.log(JSON.stringify({ bench: 'ort-facts', case: name, metric: 'different elements', value: differ }))
    return
  }
  const rows = [
    ...findings.map((f) => [f.name, f.defined, f.native, f.wasm]),
    ['Div of int32 -2147483648 / -1', '-2147483648', division, wasmDivision],
  ]
  const text = [
    `Measured by \`scripts/ort-facts.ts\`: ${await versions()}.`,
    table(['node, alone, optimization off', 'by the definition', 'native', 'WebAssembly'], rows),
    table(['results that differ between native and WebAssembly', 'elements'], own),
  ].join('\n\n')
  console.log(text)
  if (args.includes('--write')) await write('docs/numerics.md', fill(textOf('docs/numerics.md'), 'ort-facts', text))
}

if (isMain(import.meta.url)) await (process.argv.includes('--divide') ? divide() : main(process.argv.slice(2)))
