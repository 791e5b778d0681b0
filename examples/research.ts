/** For researchers: every intermediate value of a run, committed; two runtimes compared; one element opened with its proofs. */
import { Bytes, Difference, Program, Runtime, Trace } from 'countersign'
import { readModel } from 'countersign/disk'
import { ortWeb } from 'countersign/runtime/ort-web'
import { DIGITS, MODEL } from './digits.js'

const { model } = await readModel(MODEL)
const { pixels } = DIGITS[4]
const { program, state } = Program.compile(model, { inputs: { pixels } })
const work = { program, state, inputs: [[pixels]] }

// The same run in WebAssembly and in plain TypeScript, with the value of every exact op.
const wasm = await Trace.record(work, ortWeb(), { operatorTrace: true })
const definition = await Trace.record(work, Runtime.reference(), { operatorTrace: true })
const { run } = Trace.commit(wasm)
const difference = Difference.firstDifference(Difference.viewOf(definition), Difference.viewOf(wasm))
console.log(`run root ${Bytes.toHex(run)}`)
console.log(difference === undefined ? 'every value has the same bits' : Difference.explain(difference))
if (difference !== undefined) process.exitCode = 1

// One element of the first convolution, opened: 4 KiB of its tensor and a few hashes, whatever the size of the model.
const value = program.values.findIndex((one) => one.kind === 'node' && one.op === 'Conv')
const place = { step: 0, value, element: 40 }
const opening = Trace.open(wasm, place)
const shape = { steps: 1, commitEvery: 1, values: program.values.length, type: program.values[value] }
const element = Trace.verify(run, shape, { place, opening })
console.log(`element 40 of value ${value} is ${element}: proved to stand under the run root`)
