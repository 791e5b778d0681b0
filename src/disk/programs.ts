/**
 * Integer programs as folders: the program, its weights, and the report with its scales.
 * @module
 */
import { lstat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { concat } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { decode as decodeProgram, encode as encodeProgram } from '../exact/format.js'
import { inputsOf, type Program } from '../exact/program.js'
import type { Quantized } from '../quantize/quantize.js'
import type { Report } from '../quantize/report.js'
import { decode as decodeReport, encode as encodeReport } from '../quantize/record.js'
import { decodeState, encodeState, stateBytes } from '../trace/state.js'
import { readRegular, writeFlushed, writeFolder } from './files.js'

const PROGRAM = 'program.bin'
const STATE = 'state.bin'
const REPORT = 'quantization.json'
const MAX_FILE = 2 ** 31 - 1

/**
 * Writes a new folder, whole or not at all.
 * @throws Fault `bundle/exists` where it is there already.
 */
export async function writeQuantized({ program, state, report }: Quantized, folder: string): Promise<void> {
  const target = resolve(folder)
  demand((await lstat(target).catch(() => undefined)) === undefined, 'bundle/exists', () => folder, {
    hint: 'choose another folder',
  })
  await writeFolder(target, async (partial) => {
    await writeFlushed(join(partial, PROGRAM), encodeProgram(program))
    await writeFlushed(join(partial, STATE), concat(...encodeState(state)))
    await writeFlushed(join(partial, REPORT), encodeReport(report))
  })
}

/** True where a folder holds a report of a quantization. */
export async function isQuantized(folder: string): Promise<boolean> {
  return (await lstat(join(folder, REPORT)).catch(() => undefined))?.isFile() === true
}

/**
 * Reads such a folder. Nothing in it is proved: `Quantize.intervals` says whether the program is one of integers.
 * @throws Fault `cli/not-found`, `bundle/not-regular`, `exact/bad-program`, `trace/bad-state`, `exact/wrong-input` (a report of another program), and those of the report's fields.
 */
export async function readQuantized(folder: string): Promise<Quantized> {
  const program = decodeProgram(await must(join(folder, PROGRAM)))
  const size = stateBytes(program)
  const state = decodeState(program, await must(join(folder, STATE), size))
  const report = decodeReport(await must(join(folder, REPORT)))
  demandInputs(program, report)
  return { program, state, report }
}

/** A report of another program would give its inputs in another order, or at another scale. */
function demandInputs(program: Program, { inputs }: Report): void {
  const stated = inputs.map(({ name, dtype, dims }) => `${name}: ${dtype}[${dims}]`)
  const own = inputsOf(program).map(({ dtype, dims }, i) => `${program.names.inputs[i]}: ${dtype}[${dims}]`)
  const same = stated.length === own.length && own.every((input, i) => input === stated[i])
  demand(same, 'exact/wrong-input', () => 'the report is one of another program', {
    expected: own.join(', '),
    found: stated.join(', '),
  })
}

async function must(path: string, limit = MAX_FILE): Promise<Uint8Array> {
  const bytes = await readRegular(path, limit)
  demand(bytes !== undefined, 'cli/not-found', () => path)
  return bytes
}
