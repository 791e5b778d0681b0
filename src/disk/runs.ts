/**
 * Runs that can go on after a crash: a folder with the leaves, the steps inside of them, and states by the number of leaves before them.
 *
 * A leaf is appended first, its state written beside and renamed after it. A state counts only if its root is the one that its leaf names,
 * so whatever a crash cut off is passed over, and the run goes on from the last state that is whole.
 * @module
 */
import { appendFile, mkdir, open as openFile, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { equal } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import type { Tensor } from '../core/tensor.js'
import { fromBytes, byteLength, bytesOf } from '../core/tensor.js'
import { outputsOf, type Program } from '../exact/program.js'
import { checkpointPath } from '../receipt/bundle.js'
import { rootOfTensors } from '../trace/digests.js'
import { decodeState, encodeState, stateBytes } from '../trace/state.js'
import {
  CONTENT_BYTES,
  STEP_BYTES,
  decodeContent,
  decodeStep,
  encodeContent,
  encodeStep,
  leavesOf,
  verifyChain,
  verifyContents,
  type Content,
  type Step,
} from '../trace/step.js'
import type { Committed, Kept, RunStore, Work } from '../trace/trace.js'
import { readRegular } from './files.js'

/** Which states stay on the disk. The latest one always does, for as long as the run goes on. */
export interface Retention {
  /** The state after every so many leaves stays. Default: none of them. */
  readonly keepEvery?: number
}

/** A run's folder. */
export interface DiskRun extends RunStore {
  readonly folder: string
  /** Paths of the states that are kept by rule: path in a bundle -> path on the disk. Ends before the last leaf. */
  checkpoints(leaves: number): Promise<ReadonlyMap<string, string>>
}

const LEAVES = 'steps.bin'
const CONTENTS = 'inner.bin'
const OUTPUTS = 'outputs.bin'
const STATE = /^([1-9][0-9]{0,15})\.bin$/

/**
 * The store of a run in a folder, which is made if it is not there.
 * @throws Fault `core/bad-number` for a rule of retention that is no positive integer. On loading: `trace/bad-step`, `trace/bad-state` where
 * what is kept belongs to another run.
 * @remarks Nothing is flushed to the disk's own memory: a crash of the process loses nothing, one of the machine at most the newest states.
 */
export function runStore(folder: string, { keepEvery }: Retention = {}): DiskRun {
  const fits = keepEvery === undefined || (Number.isSafeInteger(keepEvery) && keepEvery > 0)
  demand(fits, 'core/bad-number', () => 'states are kept every so many leaves', { found: keepEvery })
  const states = join(folder, 'checkpoints')
  const kept = (leaves: number): boolean => keepEvery !== undefined && leaves % keepEvery === 0
  let previous: number | undefined
  return {
    folder,
    async load(work, { commitEvery }) {
      await mkdir(states, { recursive: true })
      const found = await newest(folder, { work, commitEvery })
      previous = found?.leaves.length
      const count = found?.leaves.length ?? 0
      await cut(join(folder, LEAVES), count * STEP_BYTES)
      await cut(join(folder, CONTENTS), (found?.steps.length ?? 0) * CONTENT_BYTES)
      for (const leaves of await statesIn(states)) if (leaves > count) await rm(join(states, `${leaves}.bin`))
      return found
    },
    async commit(committed) {
      await append(folder, committed)
      await writeFile(join(folder, OUTPUTS), Buffer.concat(committed.outputs.map(bytesOf)))
      const leaves = committed.leaf.index + 1
      await writeState(states, leaves, committed)
      if (previous !== undefined && !kept(previous)) await rm(join(states, `${previous}.bin`), { force: true })
      previous = leaves
    },
    async checkpoints(leaves) {
      const all = (await statesIn(states)).filter((at) => kept(at) && at < leaves)
      return new Map(all.map((at) => [checkpointPath(at), join(states, `${at}.bin`)]))
    },
  }
}

async function append(folder: string, { leaf, steps }: Committed): Promise<void> {
  await appendFile(join(folder, CONTENTS), Buffer.concat(steps.map(encodeContent)))
  await appendFile(join(folder, LEAVES), encodeStep(leaf))
}

async function writeState(states: string, leaves: number, { state }: Committed): Promise<void> {
  const partial = join(states, `${leaves}.partial`)
  const file = await openFile(partial, 'w')
  await file.writev(encodeState(state)).finally(() => file.close())
  await rename(partial, join(states, `${leaves}.bin`))
}

async function statesIn(states: string): Promise<number[]> {
  const names = await readdir(states).catch(() => [])
  return names.flatMap((name) => (STATE.test(name) ? [Number(STATE.exec(name)![1])] : [])).sort((a, b) => a - b)
}

async function cut(path: string, size: number): Promise<void> {
  await appendFile(path, new Uint8Array(0))
  await truncate(path, size)
}

/** Where a run is, and what it is of. */
interface Place {
  readonly work: Work
  readonly commitEvery: number
}

/** The newest state that is whole, with the leaves before it. */
async function newest(folder: string, place: Place): Promise<Kept | undefined> {
  const bytes = (await readRegular(join(folder, LEAVES), MAX_FILE)) ?? new Uint8Array(0)
  const inner = (await readRegular(join(folder, CONTENTS), MAX_FILE)) ?? new Uint8Array(0)
  for (const count of (await statesIn(join(folder, 'checkpoints'))).reverse()) {
    const steps = Math.min(count * place.commitEvery, place.work.inputs.length)
    const there = count * STEP_BYTES <= bytes.length && steps * CONTENT_BYTES <= inner.length
    if (!there || count > leavesOf(place.work.inputs.length, place.commitEvery)) continue
    const leaves = parts(bytes, { count, size: STEP_BYTES, decode: decodeStep })
    const contents = parts(inner, { count: steps, size: CONTENT_BYTES, decode: decodeContent })
    demandSame(leaves, contents, place)
    const state = await wholeState(join(folder, 'checkpoints', `${count}.bin`), place.work.program, leaves[count - 1])
    const outputs = await readOutputs(join(folder, OUTPUTS), { place, steps: contents })
    if (state !== undefined && outputs !== undefined) return { leaves, steps: contents, state, outputs }
  }
  return undefined
}

const MAX_FILE = 2 ** 31 - 1

function parts<T>(
  bytes: Uint8Array,
  { count, size, decode }: { count: number; size: number; decode: (bytes: Uint8Array) => T },
): T[] {
  return Array.from({ length: count }, (_, i) => decode(bytes.slice(i * size, (i + 1) * size)))
}

/** Leaves of this run and no other, from its start on. */
function demandSame(leaves: readonly Step[], steps: readonly Content[], { work, commitEvery }: Place): void {
  verifyChain(leaves, rootOfTensors('state', work.state))
  verifyContents(leaves, steps, commitEvery)
}

/** The state in a file, or undefined where it is not the one that the leaf names: then a crash has cut it off. */
async function wholeState(path: string, program: Program, leaf: Step): Promise<Tensor[] | undefined> {
  const bytes = await readRegular(path, MAX_FILE)
  if (bytes?.length !== stateBytes(program)) return undefined
  const state = decodeState(program, bytes)
  return equal(rootOfTensors('state', state), leaf.stateAfter) ? state : undefined
}

/** Outputs of the last step where the run has come to its end; before it nobody asks for them. */
async function readOutputs(
  path: string,
  { place: { work }, steps }: { place: Place; steps: readonly Content[] },
): Promise<Tensor[] | undefined> {
  if (steps.length < work.inputs.length) return []
  const types = outputsOf(work.program)
  const size = types.reduce((sum, type) => sum + byteLength(type), 0)
  const bytes = await readRegular(path, MAX_FILE)
  if (bytes?.length !== size) return undefined
  let at = 0
  const outputs = types.map((type) => fromBytes(type, bytes.slice(at, (at += byteLength(type)))))
  return equal(rootOfTensors('outputs', outputs), steps[steps.length - 1].outputs) ? outputs : undefined
}
