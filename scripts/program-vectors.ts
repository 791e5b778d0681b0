/**
 * Writes test/vectors/program.json and step.json: leaves, bytes and roots of small programs and runs, for every implementation of the formats.
 * `npx tsx scripts/program-vectors.ts`
 */
import { writeFileSync } from 'node:fs'
import { toHex } from '../src/core/bytes.js'
import { tensor } from '../src/core/tensor.js'
import { Builder } from '../src/exact/builder.js'
import { encode, hash, leavesOf } from '../src/exact/format.js'
import type { Program } from '../src/exact/program.js'
import { reference } from '../src/runtime/reference.js'
import { rootOfTensors } from '../src/trace/digests.js'
import { encodeStep, jobInputs, runRoot } from '../src/trace/step.js'
import { record } from '../src/trace/trace.js'

/** One value of every kind, a list attribute, a carry. */
export function smallProgram(): { program: Program; state: ReturnType<typeof tensor>[] } {
  const b = new Builder()
  const initial = tensor('float32', [2, 3], [1, -2, 3, 0.5, -0.25, 4])
  const w = b.parameter('w', initial)
  const x = b.input('x', { dtype: 'float32', dims: [1, 2] })
  const y = b.relu(b.add(b.matmul(x, w), b.constant(tensor('float32', [3], [0.25, 0.75, -1]))))
  const back = b.slice(y, 1, { start: 2, end: -1, step: -1 })
  const next = b.sub(w, b.mul(w, b.scalar('float32', 0.125)))
  const { program } = b.finish({
    outputs: [
      ['y', y],
      ['back', back],
    ],
    carries: [[w, next]],
  })
  return { program, state: [initial] }
}

/** What the program's vector file holds. */
export function programVector() {
  const { program } = smallProgram()
  return {
    names: program.names,
    counts: program.counts,
    leaves: leavesOf(program).map(toHex),
    bytes: toHex(encode(program)),
    root: toHex(hash(program)),
  }
}

/** What the steps' vector file holds: a run of five steps, committed at every step and at every second one. */
export async function stepVector() {
  const { program, state } = smallProgram()
  const inputs = [1, 2, 3, 4, 5].map((n) => [tensor('float32', [1, 2], [n, -n / 2])])
  const run = async (commitEvery: number) => {
    const { leaves } = await record({ program, state, inputs }, reference(), { operatorTrace: true, commitEvery })
    return { commitEvery, leaves: leaves.map((leaf) => toHex(encodeStep(leaf))), root: toHex(runRoot(leaves)) }
  }
  const roots = inputs.map((list) => rootOfTensors('inputs', list))
  return { jobInputs: toHex(jobInputs(roots)), runs: [await run(1), await run(2)] }
}

if (process.argv[1]?.endsWith('program-vectors.ts')) {
  const write = (name: string, value: unknown) =>
    writeFileSync(new URL(`../test/vectors/${name}.json`, import.meta.url), `${JSON.stringify(value, null, 2)}\n`)
  write('program', programVector())
  write('step', await stepVector())
}
