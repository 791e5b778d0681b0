/** `countersign quantize`: make an integer program of a model. @module */
import type { Command } from 'commander'
import { toHex } from '../../core/bytes.js'
import { demand } from '../../core/faults.js'
import { dtypeOf, type Tensor } from '../../core/tensor.js'
import type { Dataset } from '../../data/dataset.js'
import { readDataset, readModel, writeQuantized } from '../../disk/index.js'
import { hash } from '../../exact/format.js'
import type { Model, ValueInfo } from '../../onnx/graph.js'
import type { Feed } from '../../quantize/feeds.js'
import { quantize as quantizeModel, read, type Quantized } from '../../quantize/quantize.js'
import { command } from '../command.js'
import { readTensors } from '../files.js'
import { time, type Result } from '../output.js'
import { withProgress } from '../progress.js'
import { reportLines } from '../quantization.js'
import { RUNTIME_NAMES, safeRuntime } from '../runtimes.js'
import { sourceOf, splitData, wholeNumber } from '../training.js'

interface Options {
  readonly calibration?: string[]
  readonly labels?: string
  readonly header?: boolean
  readonly samples: string
  readonly out: string
  readonly runtime: string
}

export function quantize(): Command {
  return command<Options>(
    'quantize',
    (c) =>
      c
        .description('make an integer program of a model, for zero-knowledge proofs and for exactness without floats')
        .argument('<model>', '.onnx file')
        .option(
          '--calibration <name=file...>',
          'a column for each input: FILE.npy, FILE.csv:FIELD (first field, from 0), FILE:OFFSET (raw), or one input as FILE.json; a model that is quantized already needs none',
        )
        .option(
          '--labels <file>',
          'the right place of the largest output, row by row, for the report: FILE.npy, FILE.csv:FIELD',
        )
        .option('--header', 'the first line of CSV files holds names')
        .option('--samples <count>', 'most samples of the calibration data', '256')
        .requiredOption('--out <dir>', 'folder for program, weights and report; must not exist')
        .option('--runtime <name>', RUNTIME_NAMES.join(', '), 'ort-node'),
    async ([path], options) => {
      const { model } = await readModel(path)
      const began = performance.now()
      const made =
        options.calibration === undefined ? read(model, { inputs: typesOf(model) }) : await calibrated(model, options)
      await writeQuantized(made, options.out)
      return resultOf(made, { out: options.out, spent: performance.now() - began })
    },
  )
}

async function calibrated(model: Model, options: Options): Promise<Quantized> {
  const most = wholeNumber(options.samples, '--samples')
  const calibration = await feedsOf(model, options, most)
  const labels = await labelsOf(options, calibration.length)
  return withProgress('quantize', ({ onProgress, signal }) =>
    quantizeModel(model, { calibration, labels, runtime: safeRuntime(options.runtime), onProgress, signal }),
  )
}

/** Samples become inputs of a batch of one. */
async function feedsOf(model: Model, { calibration = [], header }: Options, most: number): Promise<Feed[]> {
  const wanted = inputsOf(model)
  const given = new Map(calibration.map(splitData))
  const right = wanted.every(({ name }) => given.has(name)) && given.size === wanted.length
  demand(right, 'cli/usage', () => 'one --calibration for each input of the model', {
    expected: wanted.map(({ name }) => `${name}=FILE`).join(' '),
    found: [...given.keys()].join(' '),
  })
  if (calibration.every((word) => word.endsWith('.json'))) return [await readTensors(wanted, calibration)]
  const sources = wanted.map(
    (info) => [info.name, sourceOf(given.get(info.name)!, batchOfOne(info), header === true)] as const,
  )
  return samplesOf(await readDataset(Object.fromEntries(sources)), most)
}

const inputsOf = ({ graph }: Model) => graph.inputs.filter(({ name }) => !graph.initializers.has(name))

/** Types of all inputs, for a batch of one. */
const typesOf = (model: Model) => Object.fromEntries(inputsOf(model).map((info) => [info.name, batchOfOne(info)]))

function batchOfOne({ name, dtype, dims }: ValueInfo) {
  const known = dtypeOf(dtype)
  const whole = known !== undefined && dims !== undefined && dims.slice(1).every((dim) => typeof dim === 'number')
  demand(whole, 'cli/usage', () => `input "${name}" has a shape that is open beyond its first axis`)
  const first = typeof dims[0] === 'number' ? dims.slice(0, 1) : dims.length === 0 ? [] : [1]
  return { dtype: known, dims: [...first, ...dims.slice(1)] as number[] }
}

function samplesOf({ names, columns, tree }: Dataset, most: number): Feed[] {
  return Array.from({ length: Math.min(most, tree.size) }, (_, i) =>
    Object.fromEntries(names.map((name, c) => [name, batched(columns[c], i)])),
  )
}

function batched({ dtype, dims, data }: Tensor, i: number): Tensor {
  const size = data.length / dims[0]
  return { dtype, dims: [1, ...dims.slice(1)], data: data.subarray(i * size, (i + 1) * size) }
}

async function labelsOf({ labels, header }: Options, count: number): Promise<number[] | undefined> {
  if (labels === undefined) return undefined
  const source = sourceOf(labels, { dtype: 'int64', dims: [1] }, header === true)
  const { columns } = await readDataset({ labels: source })
  demand(columns[0].data.length >= count, 'cli/usage', () => 'fewer labels than samples')
  return Array.from(columns[0].data.slice(0, count), Number)
}

function resultOf({ program, report }: Quantized, { out, spent }: { out: string; spent: number }): Result {
  const root = toHex(hash(program))
  return {
    outcome: 'done',
    data: { folder: out, program: root, nodes: program.counts.nodes, milliseconds: spent, ...report },
    lines: [
      `program  ${root}`,
      ...reportLines(report),
      `written  ${out}, ${program.counts.nodes} exact ops, ${time(spent)}`,
    ],
    next: [`countersign run ${out} --input FILE --out bundle`],
  }
}
