/**
 * Compiled circuits of little programs, with a witness for inputs and the place of every named wire.
 */
import type { Tensor } from '../../src/core/tensor.js'
import { inputsOf } from '../../src/exact/program.js'
import { reference } from '../../src/runtime/reference.js'
import type { Blocks } from '../../src/zk/blocks.js'
import { bareCircuitOf } from '../../src/zk/circuit.js'
import { integersOf } from '../../src/zk/commit.js'
import { compile, loadBlocks } from '../../src/zk/compile.js'
import { signed } from '../../src/zk/field.js'
import { decodeSystem, type System } from '../../src/zk/r1cs.js'
import { generator, type Generator, type Signals } from '../../src/zk/witness.js'
import { randomTensor } from '../../bench/zk-models.js'
import type { Little } from './ops.js'

let blocks: Promise<Blocks> | undefined
export const allBlocks = (): Promise<Blocks> => (blocks ??= loadBlocks())

export interface Built {
  readonly system: System
  readonly generator: Generator
  /** Wires by name, those that the compiler removed left out. */
  readonly wires: ReadonlyMap<string, number>
}

export async function build(text: string): Promise<Built> {
  const { r1cs, wasm, symbols } = await compile({ text })
  const rows = symbols.split('\n').map((line) => line.split(','))
  const wires = rows
    .filter((row) => row.length === 4 && row[1] !== '-1')
    .map((row) => [row[3].slice(5), Number(row[1])] as const)
  return { system: decodeSystem(r1cs), generator: await generator(wasm), wires: new Map(wires) }
}

export async function buildLittle({ program, given }: Little): Promise<Built & { constraints: number }> {
  const { text, constraints } = bareCircuitOf(program, { blocks: await allBlocks(), given })
  return { ...(await build(text)), constraints }
}

/** Wires whose names begin with an input's. */
export function inputWires({ wires }: Built, { program }: Little): Set<number> {
  const names = inputsOf(program).map((_, i) => `x${program.counts.parameters + i}[`)
  return new Set([...wires].filter(([name]) => names.some((stem) => name.startsWith(stem))).map(([, wire]) => wire))
}

/** Inputs drawn from their intervals; with `edge`, each element one of the numbers where ranges end. */
export function drawInputs({ program, given }: Little, draw: () => number, edge = false): Tensor[] {
  return inputsOf(program).map((type, i) => {
    const { lo, hi } = given[program.names.inputs[i]]
    const made = randomTensor(draw, type, { lo, hi })
    if (!edge) return made
    const edges = [lo, lo + 1n, -1n, 0n, 1n, hi - 1n, hi].filter((v) => v >= lo && v <= hi)
    const data = made.data.slice() as unknown as { [at: number]: number | bigint; length: number }
    for (let k = 0; k < data.length; k++) {
      const value = edges[draw() % edges.length]
      data[k] = type.dtype === 'int64' ? value : Number(value)
    }
    return { ...made, data: data as unknown as Tensor['data'] }
  })
}

export const signalsOf = ({ program }: Little, inputs: readonly Tensor[]): Signals =>
  Object.fromEntries(inputs.map((tensor, i) => [`x${program.counts.parameters + i}`, integersOf(tensor)]))

/** What the program gives, by the exact evaluator. */
export async function evaluated({ program }: Little, inputs: readonly Tensor[]): Promise<bigint[][]> {
  const session = await reference().open(program, [])
  return (await session.step(inputs)).outputs.map(integersOf)
}

/** What the circuit gives: the outputs are the first wires behind wire 0. */
export function outputsOfWitness({ program }: Little, witness: readonly bigint[]): bigint[][] {
  let at = 1
  return program.outputs.map((value) => {
    const size = program.values[value].dims.reduce((a, b) => a * b, 1)
    at += size
    return witness.slice(at - size, at).map(signed)
  })
}
