/** `countersign inspect`: what is this file? @module */
import type { Command } from 'commander'
import { toHex } from '../../core/bytes.js'
import { decodeJson } from '../../core/json.js'
import { Fault } from '../../core/faults.js'
import { readModel } from '../../disk/index.js'
import { estimate } from '../../exact/estimate.js'
import { decode as decodeProgram, hash as hashProgram } from '../../exact/format.js'
import type { Bundle } from '../../receipt/bundle.js'
import type { Program } from '../../exact/program.js'
import { explain, toText } from '../../onnx/explain.js'
import { command } from '../command.js'
import { isFolder, readBundle } from '../bundles.js'
import { read } from '../files.js'
import { size, time, type Result } from '../output.js'

export function inspect(): Command {
  return command(
    'inspect',
    (c) =>
      c
        .description('describe a model, program, bundle, job, receipt, seal or verdict')
        .argument('<path>', 'any file or bundle folder'),
    async ([path]) => ((await isFolder(path)) ? inspectBundle(path) : inspectFile(path)),
  )
}

async function inspectBundle(path: string): Promise<Result> {
  const bundle = await readBundle(path)
  const { receipt } = bundle.receipt
  const lines = [
    `bundle of ${receipt.provider}`,
    `job ${toHex(receipt.claim.job)}`,
    `${bundle.steps.length} steps, operator values ${bundle.values === undefined ? 'not ' : ''}included`,
    ...courseLines(bundle),
    ...programLines(bundle.program),
  ]
  return {
    outcome: 'done',
    data: {
      kind: 'bundle',
      provider: receipt.provider,
      steps: bundle.steps.length,
      program: programData(bundle.program),
    },
    lines,
    next: [`countersign verify ${path}`],
  }
}

/** What a training run was trained on. */
function courseLines({ course, leaves, commitEvery, checkpoints }: Bundle): string[] {
  if (course === undefined) return []
  const { samples, batchSize, order, start } = course.schedule
  return [
    `trained on ${samples} samples, ${batchSize} a step, order ${order}, from ${start.from === 'seed' ? 'fresh weights' : `state ${toHex(start.root)}`}`,
    `${leaves.length} leaves of ${commitEvery} steps, ${checkpoints.at.length} states inside of the run`,
  ]
}

async function inspectFile(path: string): Promise<Result> {
  if (path.endsWith('.onnx')) return inspectModel(path)
  const bytes = await read(path)
  if (path.endsWith('.bin')) {
    const program = decodeProgram(bytes)
    return { outcome: 'done', data: { kind: 'program', ...programData(program) }, lines: programLines(program) }
  }
  const json = decodeJson(bytes) as { readonly format?: string }
  if (typeof json !== 'object' || json === null || typeof json.format !== 'string')
    throw new Fault('cli/usage', `${path} is none of Countersign's files`)
  return { outcome: 'done', data: json, lines: [`${json.format}`, JSON.stringify(json, null, 2)] }
}

async function inspectModel(path: string): Promise<Result> {
  const { model } = await readModel(path)
  const explanation = explain(model)
  return { outcome: 'done', data: { kind: 'model', ...explanation }, lines: [toText(explanation)] }
}

function programData(program: Program) {
  const ops: Record<string, number> = {}
  for (const value of program.values) if (value.kind === 'node') ops[value.op] = (ops[value.op] ?? 0) + 1
  return { root: toHex(hashProgram(program)), counts: program.counts, ops, estimate: estimate(program) }
}

function programLines(program: Program): string[] {
  const { root, counts, ops, estimate: e } = programData(program)
  return [
    `program ${root}`,
    `${counts.parameters} parameters (${size(e.stateBytes)}), ${counts.inputs} inputs, ${counts.constants} constants (${size(e.constantBytes)}), ${counts.nodes} exact ops`,
    `a step: ${e.products} products, peak about ${size(e.peakBytes)}, about ${time(e.seconds * 1000)}`,
    Object.entries(ops)
      .map(([op, n]) => `${op} ${n}`)
      .join(', '),
  ]
}
