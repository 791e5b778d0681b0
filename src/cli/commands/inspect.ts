/** `countersign inspect`: what is this file? @module */
import type { Command } from 'commander'
import { toHex } from '../../core/bytes.js'
import { decodeJson } from '../../core/json.js'
import { Fault } from '../../core/faults.js'
import * as Proof from '../../attest/proof.js'
import { bundleReader, isKit, isQuantized, readKit, readModel, readQuantized } from '../../disk/index.js'
import { estimate } from '../../exact/estimate.js'
import { decode as decodeProgram, hash as hashProgram } from '../../exact/format.js'
import type { Bundle } from '../../receipt/bundle.js'
import type { Program } from '../../exact/program.js'
import { explain, toText } from '../../onnx/explain.js'
import { command } from '../command.js'
import { isFolder, readBundle, scheduleLine } from '../bundles.js'
import { read } from '../files.js'
import { size, time, type Result } from '../output.js'
import { hiddenOf, keyData, keyLine } from '../proving.js'
import { reportLines } from '../quantization.js'

export function inspect(): Command {
  return command(
    'inspect',
    (c) =>
      c
        .description('describe a model, program, proving kit, bundle, proof of learning, job, receipt, seal or verdict')
        .argument(
          '<path>',
          'any file, or the folder of a bundle, of a proof of learning, of an integer program or of a proving kit',
        ),
    async ([path]) => ((await isFolder(path)) ? inspectFolder(path) : inspectFile(path)),
  )
}

async function inspectFolder(path: string): Promise<Result> {
  if (await isQuantized(path)) return inspectQuantized(path)
  if (await isKit(path)) return inspectKit(path)
  return (await Proof.isProof(bundleReader(path))) ? inspectProof(path) : inspectBundle(path)
}

/** What a proof says about itself: nothing of it is checked here. */
async function inspectProof(path: string): Promise<Result> {
  const { receipt, program, schedule, beacon, challenges } = await Proof.decode(bundleReader(path))
  const { job } = receipt
  const leaves = challenges.map(({ leaf }) => leaf)
  const drawnBy = beacon === undefined ? 'the claim itself' : `a ${beacon.kind}`
  return {
    outcome: 'done',
    data: {
      kind: 'learning',
      provider: receipt.receipt.provider,
      job: toHex(receipt.receipt.claim.job),
      steps: Number(job.steps),
      commitEvery: Number(job.commitEvery),
      leaves,
      beacon: beacon?.kind ?? null,
      start: schedule.start.from,
      program: programData(program),
    },
    lines: [
      `proof of learning of ${receipt.receipt.provider}`,
      `job ${toHex(receipt.receipt.claim.job)}`,
      scheduleLine(schedule),
      `${job.steps} steps, ${job.commitEvery} a leaf; ${leaves.length} leaves opened, drawn by ${drawnBy}: ${leaves.join(', ')}`,
      ...programLines(program),
    ],
    next: [`countersign audit ${path}`],
  }
}

async function inspectQuantized(path: string): Promise<Result> {
  const { program, report } = await readQuantized(path)
  return {
    outcome: 'done',
    data: { kind: 'quantized', program: programData(program), report },
    lines: ['integer program', ...programLines(program), ...reportLines(report)],
    next: [`countersign run ${path} --input FILE --out bundle`],
  }
}

/** What a proving kit is for. Whether its key is one of its circuit, `setup check` finds out. */
async function inspectKit(path: string): Promise<Result> {
  const { circuit, choice, verification } = await readKit(path)
  const { program, constraints, salted } = circuit
  const committed = choice.baked === undefined
  return {
    outcome: 'done',
    data: {
      kind: 'kit',
      program: programData(program),
      constraints,
      scheme: choice.scheme,
      committed,
      private: salted,
      key: verification === undefined ? null : keyData(verification),
    },
    lines: [
      `proving kit, ${choice.scheme}, ${constraints.toLocaleString('en-US')} constraints`,
      `weights ${committed ? 'are given with each proof' : 'are constants of the circuit'}; hidden: ${hiddenOf(salted)}`,
      verification === undefined ? 'no key yet: nobody contributed' : keyLine(verification),
      ...programLines(program),
    ],
    next: [`countersign prove ${path} --input FILE --context 0 --out proof.json`],
  }
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
  return [
    scheduleLine(course.schedule),
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
