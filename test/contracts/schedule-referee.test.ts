import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stream } from '../../scripts/exact-vectors.js'
import { readArtifact } from '../../scripts/contracts.js'
import { ZERO32, type Bytes32 } from '../../src/core/bytes.js'
import { DTYPES, bytesOf, fromBytes, sizeOf, tensor, type DType, type Tensor } from '../../src/core/tensor.js'
import * as Course from '../../src/data/course.js'
import * as Dataset from '../../src/data/dataset.js'
import * as Initial from '../../src/data/initial.js'
import * as Schedule from '../../src/data/schedule.js'
import { seedOf } from '../../src/data/seeds.js'
import { BY, openValue, formOf } from '../../src/dispute/openings.js'
import {
  inputEvidence,
  inputFormEvidence,
  numberEvidence,
  startEvidence,
  startFormEvidence,
} from '../../src/dispute/schedule.js'
import { Builder } from '../../src/exact/builder.js'
import type { Program } from '../../src/exact/program.js'
import { listRoot, listTree, tileTree } from '../../src/merkle/tiles.js'
import { proveInclusion, rootOf } from '../../src/merkle/tree.js'
import { digestOf, rootOfTensors } from '../../src/trace/digests.js'
import { courtOf, flipped, type Court } from './cases.js'
import { courseRun, idOf, plainRun, type Around, type CourseRun } from './courses.js'
import { startNode, type EvmNode } from './node.js'

let node: EvmNode
let court: Court
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  court = await courtOf(node, 'ScheduleReferee')
}, 60_000)
afterAll(() => node?.stop())

// ---------------------------------------------------------------- one course

const BATCH = 3
const SAMPLES = 11
/** Steps of an epoch. */
const EPOCH = 3

/** Images, a large plane of bytes, labels; elements count up, so that no two places of a column hold the same. */
const counting = (dtype: DType, dims: readonly number[], from = 1): Tensor => {
  const values = Array.from({ length: sizeOf(dims) }, (_, i) => (from + i) % (dtype === 'uint8' ? 251 : 2 ** 30))
  return tensor(dtype, dims, dtype === 'int64' ? values.map(BigInt) : values)
}
const dataset = Dataset.from({
  image: counting('float32', [SAMPLES, 2, 5, 4]),
  plane: counting('uint8', [SAMPLES, 70, 70]),
  label: counting('int64', [SAMPLES]),
})
const PARAMETERS: readonly (readonly [DType, readonly number[], Initial.Rule])[] = [
  ['float32', [40, 50], Initial.glorot({ in: 40, out: 50 })],
  ['float64', [7], Initial.uniform(3, 7)],
  ['float32', [5], Initial.ZEROS],
  ['float32', [5], Initial.ONES],
  ['float16', [5], Initial.ONES],
  ['bfloat16', [5], Initial.ONES],
  ['bool', [5], Initial.ONES],
  ['int64', [], Initial.ONES],
  ['int8', [5], Initial.ZEROS],
]
const RULES = PARAMETERS.map(([, , rule]) => rule)

interface Types {
  readonly inputs: readonly (readonly [DType, readonly number[]])[]
  readonly numbered?: boolean
}

function programOf({ inputs, numbered = true }: Types): Program {
  const builder = new Builder()
  const keep = PARAMETERS.map(([dtype, dims], i) => {
    const size = sizeOf(dims)
    const zeros = new Array<number>(size).fill(0)
    return builder.parameter(`p${i}`, tensor(dtype, dims, dtype === 'int64' ? zeros.map(BigInt) : zeros))
  })
  const refs = inputs.map(([dtype, dims], i) => builder.input(`x${i}`, { dtype, dims }))
  if (numbered) builder.input('step', { dtype: 'int64', dims: [] })
  return builder.finish({ outputs: [['y', builder.op('Relu', [refs[0]])]], keep }).program
}

const program = programOf({
  inputs: [
    ['float32', [BATCH, 2, 5, 4]],
    ['uint8', [BATCH, 70, 70]],
    ['int64', [BATCH]],
  ],
})
const AUGMENTATIONS = [
  { kind: 'shift', column: 0, most: 2 },
  { kind: 'flip', column: 1, most: 0 },
  { kind: 'flip', column: 0, most: 0 },
  { kind: 'shift', column: 0, most: 1 },
] as const
const courseWith = (options: Partial<Course.CourseOptions> = {}): Course.Course =>
  Course.from(dataset, { batchSize: BATCH, start: { rules: RULES }, augmentations: AUGMENTATIONS, ...options })
const course = courseWith()
const runOf = (around: Around = {}): CourseRun => courseRun(course, program, { steps: 7, ...around })

/** Calls about elements of the inputs of a step. */
const inputCall = (
  run: CourseRun,
  [step, index, element]: readonly [number, number, number],
  by?: 0 | 1 | 2,
): string => {
  const place = { opening: run.opening(step, by), list: run.inputs(step), index, element }
  return court.callOf(run, 'input', inputEvidence(run, place))
}
const startCall = (run: CourseRun, index: number, element: number): string =>
  court.callOf(run, 'start', startEvidence(run, { opening: run.opening(0, BY.leaf), list: run.state, index, element }))

/** The lists that are committed, with one tensor replaced. */
const replaced = (tensors: readonly Tensor[], index: number, by: Tensor): readonly Tensor[] =>
  tensors.map((one, i) => (i === index ? by : one))

async function rulingOf(run: CourseRun, call: string): Promise<string> {
  await court.admit(run)
  return (await court.rulings([call]))[0]
}

/** The first element at which two tensors differ. */
function firstApart(a: Tensor, b: Tensor): number {
  const found = a.data.findIndex((value: number | bigint, i: number) => value !== b.data[i])
  if (found < 0) throw new Error('the tensors are the same')
  return found
}

// ---------------------------------------------------------------- inputs

describe('inputs that the schedule draws', () => {
  test('are no fault at any element, through epochs, shifts and flips', async () => {
    const run = runOf()
    await court.admit(run)
    const calls: string[] = []
    for (const step of [0, 2, 3, 6]) {
      const stride = step === 3 ? 1 : 7
      for (let element = 0; element < BATCH * 40; element += stride) calls.push(inputCall(run, [step, 0, element]))
      for (let element = 0; element < BATCH * 4900; element += 1111) calls.push(inputCall(run, [step, 1, element]))
      for (let element = 0; element < BATCH; element++) calls.push(inputCall(run, [step, 2, element]))
    }
    expect(new Set(await court.rulings(calls))).toEqual(new Set(['NoFault']))
  }, 120_000)

  test('are a fault at any element that is changed', async () => {
    const calls: string[] = []
    for (const [index, size] of [BATCH * 40, BATCH * 4900, BATCH].entries()) {
      for (const element of [0, 1, Math.floor(size / 2), size - 2, size - 1]) {
        const lie = (inputs: readonly Tensor[], step: number) =>
          step === 4 ? replaced(inputs, index, flipped(inputs[index], element, element % 8)) : inputs
        const run = runOf({ inputs: lie })
        await court.admit(run)
        calls.push(inputCall(run, [4, index, element]))
      }
    }
    expect(new Set(await court.rulings(calls))).toEqual(new Set(['false claim']))
  })

  test('are zero where a shift left nothing, and a fault where they are not', async () => {
    const zero = (drawnBy(course, 4)[0].data as Float32Array).indexOf(0)
    expect(zero).toBeGreaterThanOrEqual(0)
    const evidence = (run: CourseRun) =>
      inputEvidence(run, { opening: run.opening(4), list: run.inputs(4), index: 0, element: zero })
    expect(evidence(runOf()).sample.leaf.length).toBe(0)
    const lying = runOf({ inputs: (inputs) => replaced(inputs, 0, flipped(inputs[0], zero, 31)) })
    expect(await rulingOf(lying, court.callOf(lying, 'input', evidence(lying)))).toBe('false claim')
    expect(await rulingOf(runOf(), court.callOf(runOf(), 'input', evidence(runOf())))).toBe('NoFault')
  })

  test.each<readonly [string, (inputs: readonly Tensor[], step: number) => readonly Tensor[]]>([
    ['two samples exchanged', (inputs) => inputs.map((one) => (one.dims.length > 0 ? exchanged(one) : one))],
    ['the order of the epoch before', (_, step) => drawnBy(course, step % EPOCH)],
    ['the order of the data set', (_, step) => drawnBy(courseWith({ order: 'committed' }), step)],
    ['no augmentations', (_, step) => drawnBy(courseWith({ augmentations: [] }), step)],
    ['images not flipped', (_, step) => drawnBy(courseWith({ augmentations: AUGMENTATIONS.slice(0, 1) }), step)],
    ['other shifts', (_, step) => drawnBy(courseWith({ augmentations: AUGMENTATIONS.slice(2) }), step)],
    ['another seed', (_, step) => drawnBy(course, step, seedOf(new Uint8Array(32).fill(5)))],
  ])('are a fault with %s', async (_, lie) => {
    const step = 4
    const run = runOf({ inputs: (inputs, at) => (at === step ? lie(inputs, at) : inputs) })
    const right = drawnBy(course, step)
    const theirs = lie(right, step)
    const calls = [0, 1, 2].flatMap((index) =>
      sameData(right[index], theirs[index])
        ? []
        : [inputCall(run, [step, index, firstApart(right[index], theirs[index])])],
    )
    await court.admit(run)
    expect(calls.length).toBeGreaterThan(0)
    expect(new Set(await court.rulings(calls))).toEqual(new Set(['false claim']))
  })

  const jobSeed = seedOf(runOf().case.claim.job)

  /** What a course would draw for the job of `runOf`. */
  function drawnBy({ schedule }: Course.Course, step: number, seed = jobSeed): readonly Tensor[] {
    return Course.withNumber(Schedule.batchOf(dataset, schedule, { seed, step }), { step, numbered: true })
  }
  const sameData = (a: Tensor, b: Tensor): boolean => Buffer.compare(bytesOf(a), bytesOf(b)) === 0

  /** The first two rows exchanged. */
  function exchanged({ dtype, dims, data }: Tensor): Tensor {
    const bytes = bytesOf({ dtype, dims, data })
    const row = bytes.length / dims[0]
    const rows = [bytes.subarray(row, 2 * row), bytes.subarray(0, row), bytes.subarray(2 * row)]
    return fromBytes({ dtype, dims }, Uint8Array.from(Buffer.concat(rows)))
  }

  test('are found in lists of segments and in traces on the chain', async () => {
    const lie = (inputs: readonly Tensor[], step: number) =>
      step === 5 ? replaced(inputs, 2, flipped(inputs[2], 1, 4)) : inputs
    for (const [inputs, expected] of [
      [undefined, 'NoFault'],
      [lie, 'false claim'],
    ] as const) {
      // Records stand under a job and a provider, so each run has a job of its own.
      const job = { salt: new Uint8Array(32).fill(expected.length) }
      const segments = runOf({ commitEvery: 4, inputs, job })
      const single = runOf({ inputs, job })
      expect(await rulingOf(segments, inputCall(segments, [5, 2, 1]))).toBe(expected)
      expect(await rulingOf(segments, inputCall(segments, [5, 2, 1], BY.traced))).toBe('NotTraced')
      await (await court.records.setTrace(idOf(segments.case), 1, segments.trace(1))).wait()
      await (await court.records.setTrace(idOf(single.case), 5, single.trace(5))).wait()
      expect(await rulingOf(segments, inputCall(segments, [5, 2, 1], BY.traced))).toBe(expected)
      expect(await rulingOf(single, inputCall(single, [5, 2, 1], BY.traced))).toBe(expected)
    }
  })

  test('in the order of the data set need no seed, and so no beacon', async () => {
    const beacon = new Uint8Array(32).fill(8)
    const options = { order: 'committed', beacon, randomness: new Uint8Array(32).fill(9) } as const
    const plain = courseWith({ ...options, augmentations: AUGMENTATIONS.slice(1, 2) })
    const lie = (inputs: readonly Tensor[]) => replaced(inputs, 0, flipped(inputs[0], 7, 3))
    for (const [inputs, expected] of [
      [undefined, 'NoFault'],
      [lie, 'false claim'],
    ] as const) {
      const run = courseRun(plain, program, { inputs })
      expect(await rulingOf(run, inputCall(run, [1, 0, 7]))).toBe(expected)
    }
  })

  test('with a beacon are not decided', async () => {
    const [beacon, randomness] = [8, 9].map((byte) => new Uint8Array(32).fill(byte))
    for (const options of [{}, { order: 'committed' as const }]) {
      const own = courseWith({ ...options, beacon, randomness })
      const run = courseRun(own, program, { inputs: (inputs) => replaced(inputs, 0, flipped(inputs[0], 7, 3)) })
      const place = { opening: run.opening(1), list: run.inputs(1), index: 0, element: 7 }
      expect(() => inputEvidence(run, place)).toThrow('beacon')
      const open = courseWith({ ...options })
      const evidence = { ...inputEvidence({ ...run, course: open }, place), schedule: Schedule.encode(own.schedule) }
      expect(await rulingOf(run, court.callOf(run, 'input', evidence))).toBe('BeaconNotKnown')
    }
  })

  test('are all columns where the program takes no number', async () => {
    const own = programOf({
      inputs: [
        ['float32', [BATCH, 2, 5, 4]],
        ['uint8', [BATCH, 70, 70]],
        ['int64', [BATCH]],
      ],
      numbered: false,
    })
    for (const [inputs, expected] of [
      [undefined, 'NoFault'],
      [(all: readonly Tensor[]) => replaced(all, 2, flipped(all[2], 1, 0)), 'false claim'],
    ] as const) {
      const run = courseRun(course, own, { inputs })
      expect(await rulingOf(run, inputCall(run, [1, 2, 1]))).toBe(expected)
      const evidence = numberEvidence(run, { opening: run.opening(1), list: run.inputs(1) })
      expect(await rulingOf(run, court.callOf(run, 'stepNumber', evidence))).toBe('WrongForm')
    }
  })
})

describe('the number of a step', () => {
  const call = (run: CourseRun, step: number) =>
    court.callOf(run, 'stepNumber', numberEvidence(run, { opening: run.opening(step), list: run.inputs(step) }))

  test('is its index from 0', async () => {
    const run = runOf()
    await court.admit(run)
    expect(new Set(await court.rulings([0, 1, 5, 6].map((step) => call(run, step))))).toEqual(new Set(['NoFault']))
  })

  test.each([4n, 0n, -1n, 5n + 2n ** 32n])('and no other, as %s at step 5', async (number) => {
    const run = runOf({
      inputs: (inputs, step) => (step === 5 ? replaced(inputs, 3, tensor('int64', [], [number])) : inputs),
    })
    expect(await rulingOf(run, call(run, 5))).toBe('false claim')
    const list = run.inputs(5)
    const evidence = { ...inputEvidence(runOf(), { opening: run.opening(5), list, index: 2, element: 0 }), input: 3 }
    expect(await rulingOf(run, court.callOf(run, 'input', evidence))).toBe('RootMismatch')
  })
})

// ---------------------------------------------------------------- the first state

describe('the state before the first step', () => {
  test('is no fault where it follows from rules and seed', async () => {
    const run = runOf()
    await court.admit(run)
    const calls = PARAMETERS.flatMap(([, dims], index) =>
      [0, 1, Math.floor(sizeOf(dims) / 2), sizeOf(dims) - 1]
        .filter((element) => element < sizeOf(dims))
        .map((element) => startCall(run, index, element)),
    )
    expect(new Set(await court.rulings(calls))).toEqual(new Set(['NoFault']))
  })

  test.each(PARAMETERS.map(([dtype, dims, { kind }], index) => [kind, dtype, index, sizeOf(dims)] as const))(
    'is a fault where an element that starts by %s as %s is another one',
    async (_, dtype, index, size) => {
      const calls: string[] = []
      const bits = 8 * DTYPES[dtype].bytes
      for (const bit of dtype === 'bool' ? [0] : [0, 3, bits - 1]) {
        const element = size - 1
        const run = runOf({ state: (state) => replaced(state, index, flipped(state[index], element, bit)) })
        await court.admit(run)
        calls.push(startCall(run, index, element))
      }
      expect(new Set(await court.rulings(calls))).toEqual(new Set(['false claim']))
    },
  )
  test('is found by the first leaf of segments too, and by no other leaf', async () => {
    const run = runOf({ commitEvery: 4, state: (state) => replaced(state, 0, flipped(state[0], 1234, 5)) })
    expect(await rulingOf(run, startCall(run, 0, 1234))).toBe('false claim')
    const place = { opening: run.opening(4, BY.leaf), list: run.state, index: 0, element: 1234 }
    expect(await rulingOf(run, court.callOf(run, 'start', startEvidence(run, place)))).toBe('NotFirstLeaf')
  })

  test('by another rule than its own is not looked at', async () => {
    const run = runOf({ state: (state) => replaced(state, 2, flipped(state[2], 1, 5)) })
    const place = { opening: run.opening(0), list: run.state, index: 2, element: 1 }
    const evidence = { ...startEvidence(run, place), rule: startEvidence(run, { ...place, index: 3 }).rule }
    expect(await rulingOf(run, court.callOf(run, 'start', evidence))).toBe('RootMismatch')
  })

  test('with a beacon is not decided', async () => {
    const [beacon, randomness] = [8, 9].map((byte) => new Uint8Array(32).fill(byte))
    const own = courseWith({ beacon, randomness })
    const run = courseRun(own, program, { state: (state) => replaced(state, 0, flipped(state[0], 1, 1)) })
    const place = { opening: run.opening(0), list: run.state, index: 0, element: 1 }
    expect(() => startEvidence(run, place)).toThrow('beacon')
    const evidence = { ...startEvidence({ course }, place), schedule: Schedule.encode(own.schedule) }
    expect(await rulingOf(run, court.callOf(run, 'start', evidence))).toBe('BeaconNotKnown')
  })

  const STATE = PARAMETERS.map(([dtype, dims]) => counting(dtype === 'bool' ? 'uint8' : dtype, dims)).map(
    (one, i): Tensor => (PARAMETERS[i][0] === 'bool' ? tensor('bool', one.dims, [1, 0, 1, 0, 1]) : one),
  )
  const fromCheckpoint = () => courseWith({ start: { checkpoint: rootOfTensors('state', STATE) } })
  const checkpointRun = (around: Around = {}): CourseRun => {
    const own = fromCheckpoint()
    // The honest state is the checkpoint; courseRun draws it from nothing else.
    return courseRun(own, program, { checkpoint: STATE, ...around })
  }

  test('is not drawn where there is a checkpoint', async () => {
    const run = checkpointRun()
    const place = { opening: run.opening(0), list: run.state, index: 0, element: 1 }
    expect(() => startEvidence(run, place)).toThrow('checkpoint')
    const evidence = { ...startEvidence({ course }, place), schedule: Schedule.encode(run.course.schedule) }
    expect(await rulingOf(run, court.callOf(run, 'start', evidence))).toBe('OtherStart')
  })

  test('of a job that contradicts its schedule is not looked at', async () => {
    const job = { initialState: new Uint8Array(32).fill(3) }
    const drawn = runOf({ job, state: (state) => replaced(state, 0, flipped(state[0], 1, 1)) })
    expect(await rulingOf(drawn, startCall(drawn, 0, 1))).toBe('OtherStart')
  })
})

// ---------------------------------------------------------------- forms

describe('a tensor of another form', () => {
  const foundIn = (own: Tensor, list: readonly Bytes32[], index: number) => ({
    index,
    form: formOf(own),
    root: rootOf(tileTree(own)),
    path: proveInclusion(listTree(list), index),
  })
  const FORMS: readonly (readonly [string, (own: Tensor) => Tensor])[] = [
    ['dims', (own) => ({ ...own, dims: [sizeOf(own.dims)] })],
    ['type', (own) => fromBytes({ dtype: 'uint32', dims: own.dims }, bytesOf(own))],
  ]

  test.each(FORMS)('among the inputs is a fault: other %s', async (_, change) => {
    const lie = (inputs: readonly Tensor[]) => replaced(inputs, 0, change(inputs[0]))
    for (const [inputs, expected] of [
      [undefined, 'NoFault'],
      [lie, 'false claim'],
    ] as const) {
      const run = runOf({ inputs })
      const digests = [0, 1, 2, 3].map((index) => run.inputs(2).digest(index))
      const own = tensorOf(run, 2)
      const found = { opening: run.opening(2), ...foundIn(own, digests, 0) }
      expect(await rulingOf(run, court.callOf(run, 'inputForm', inputFormEvidence(program, found)))).toBe(expected)
      const other = { ...inputFormEvidence(program, found), leaf: openValue(program, 0) }
      expect(await rulingOf(run, court.callOf(run, 'inputForm', other))).toBe('RootMismatch')
    }

    /** Input 0 as it is committed. */
    function tensorOf(run: CourseRun, step: number): Tensor {
      const right = courseInputs(run, step)[0]
      return run.inputs(step).tensor(0).type.dims.length === right.dims.length &&
        run.inputs(step).tensor(0).type.dtype === right.dtype
        ? right
        : change(right)
    }
  })

  const courseInputs = (run: CourseRun, step: number): readonly Tensor[] =>
    Schedule.batchOf(dataset, course.schedule, { seed: seedOf(run.case.claim.job), step })

  test.each(FORMS)('in the first state is a fault: other %s', async (_, change) => {
    for (const isLie of [false, true]) {
      let committed: readonly Tensor[] = []
      const run = runOf({
        state: (state) => (committed = isLie ? replaced(state, 0, change(state[0])) : state),
      })
      const found = { opening: run.opening(0), ...foundIn(committed[0], committed.map(digestOf), 0) }
      const ruling = await rulingOf(run, court.callOf(run, 'startForm', startFormEvidence(program, found)))
      expect(ruling).toBe(isLie ? 'false claim' : 'NoFault')
    }
  })

  test('is no batch of the samples, and is not compared with them', async () => {
    const lie = (inputs: readonly Tensor[]) =>
      replaced(inputs, 2, fromBytes({ dtype: 'int32', dims: [BATCH] }, bytesOf(inputs[2]).subarray(0, 12)))
    const run = runOf({ inputs: lie })
    expect(await rulingOf(run, inputCall(run, [1, 2, 1]))).toBe('WrongForm')
    const short = (inputs: readonly Tensor[]) =>
      replaced(inputs, 2, fromBytes({ dtype: 'int64', dims: [2] }, bytesOf(inputs[2]).subarray(0, 16)))
    const two = runOf({ inputs: short })
    expect(await rulingOf(two, inputCall(two, [1, 2, 1]))).toBe('WrongForm')
  })
})

// ---------------------------------------------------------------- jobs that name their inputs

describe('inputs that a job names', () => {
  const builder = new Builder()
  const [x, y] = ['x', 'y'].map((name) => builder.input(name, { dtype: 'float32', dims: [3] }))
  const own = builder.finish({ outputs: [['sum', builder.op('Add', [x, y])]] }).program
  const given = (steps: number) =>
    Array.from({ length: steps }, (_, i) => [0, 1].map((k) => tensor('float32', [3], [i, k, 2])))
  const lieAt = (at: number) => (inputs: readonly Tensor[], step: number) =>
    step === at ? replaced(inputs, 1, flipped(inputs[1], 0, 0)) : inputs

  const evidenceOf = (steps: number, step: number) => {
    const lists = given(steps)
    if (steps === 1) return [listRoot(lists[0].map(digestOf)), []] as const
    const roots = lists.map((one) => rootOfTensors('inputs', one))
    return [roots[step], proveInclusion(listTree(roots), step)] as const
  }
  const rule = async (around: Around & { steps: number }, step: number, by?: 0 | 1 | 2) => {
    const run = plainRun(own, { state: [], inputs: given(around.steps) }, around)
    await court.admit(run)
    const evidence = [run.opening(step, by), ...evidenceOf(around.steps, step)]
    return (await court.rulings([court.callOf(run, 'jobInputs', ...evidence)]))[0]
  }

  test.each([
    [1, 1, 0],
    [1, 4, 0],
    [5, 1, 3],
    [5, 2, 4],
    [5, 3, 3],
  ])('for %d steps, %d to a leaf, are those of step %d', async (steps, commitEvery, step) => {
    expect(await rule({ steps, commitEvery }, step)).toBe('NoFault')
    expect(await rule({ steps, commitEvery, inputs: lieAt(step) }, step)).toBe('false claim')
  })

  test('are not there behind a refused step, which is no fault', async () => {
    const around = { steps: 5, until: 2, job: { salt: new Uint8Array(32).fill(6) } } as const
    const { case: of } = plainRun(own, { state: [], inputs: given(5) }, around)
    await (await court.records.setRefusal(idOf(of), { refused: true, step: 2, node: 2, element: 0, reason: 1 })).wait()
    expect(await rule(around, 2)).toBe('NoFault')
    expect(await rule(around, 3)).toBe('BehindRefusal')
    const segments = { ...around, until: 3, commitEvery: 3 }
    const { case: other } = plainRun(own, { state: [], inputs: given(5) }, segments)
    await (
      await court.records.setRefusal(idOf(other), { refused: true, step: 3, node: 2, element: 0, reason: 1 })
    ).wait()
    expect(await rule(segments, 4)).toBe('BehindRefusal')
    expect(await rule({ ...around, until: 1 }, 2)).toBe('false claim')
  })

  test('are not those of a schedule', async () => {
    const run = runOf()
    const roots = Array.from({ length: 7 }, (_, step) => run.inputs(step).digest(0))
    const call = court.callOf(run, 'jobInputs', run.opening(1), roots[1], proveInclusion(listTree(roots), 1))
    expect(await rulingOf(run, call)).toBe('RootMismatch')
    const single = runOf({ steps: 1 })
    const one = court.callOf(single, 'jobInputs', single.opening(0), roots[0], [])
    expect(await rulingOf(single, one)).toBe('RootMismatch')
  })

  test('are not looked up in a schedule', async () => {
    const plain = plainRun(own, { state: [], inputs: given(7) })
    const run = runOf()
    const evidence = inputEvidence(run, { opening: run.opening(1), list: run.inputs(1), index: 2, element: 1 })
    await court.admit(plain)
    expect(await court.rulings([court.callOf(plain, 'input', evidence)])).toEqual(['RootMismatch'])
  })
})

// ---------------------------------------------------------------- evidence that shows nothing

describe('evidence that is not what was committed', () => {
  const run = runOf({
    inputs: (inputs, step) => (step === 4 ? replaced(inputs, 1, flipped(inputs[1], 9000, 2)) : inputs),
  })
  const evidence = (by?: CourseRun) =>
    inputEvidence(by ?? run, { opening: (by ?? run).opening(4), list: (by ?? run).inputs(4), index: 1, element: 9000 })
  const good = evidence()
  const bent = (bytes: Uint8Array, at = 0) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
  const bentFirst = (path: readonly Uint8Array[]) => path.map((one, i) => (i === 0 ? bent(one) : one))
  const longer = (path: readonly Uint8Array[]) => [...path, ZERO32]

  test.each<readonly [string, string, (e: typeof good) => object]>([
    ['nothing changed', 'false claim', (e) => e],
    ['another schedule', 'RootMismatch', (e) => ({ ...e, schedule: bent(e.schedule, 95) })],
    ['another tile', 'RootMismatch', (e) => ({ ...e, found: { ...e.found, tile: bent(e.found.tile) } })],
    ['a short tile', 'BadTile', (e) => ({ ...e, found: { ...e.found, tile: e.found.tile.slice(1) } })],
    ['another way', 'RootMismatch', (e) => ({ ...e, found: { ...e.found, path: bentFirst(e.found.path) } })],
    ['a way too long', 'BadProofLength', (e) => ({ ...e, found: { ...e.found, path: longer(e.found.path) } })],
    ['another input', 'RootMismatch', (e) => ({ ...e, input: 0 })],
    ['an input that is not there', 'IndexOutOfRange', (e) => ({ ...e, input: 4 })],
    ['an element that is not there', 'IndexOutOfRange', (e) => ({ ...e, element: 4900 * BATCH })],
    ['another sample', 'RootMismatch', (e) => ({ ...e, sample: { ...e.sample, leaf: bent(e.sample.leaf) } })],
    [
      'another way of the sample',
      'RootMismatch',
      (e) => ({ ...e, sample: { ...e.sample, path: bentFirst(e.sample.path) } }),
    ],
    [
      'a sample of two columns',
      'NoColumn',
      (e) => ({ ...e, sample: { ...e.sample, leaf: e.sample.leaf.slice(0, 64) } }),
    ],
    [
      'a sample of four columns',
      'RootMismatch',
      (e) => ({ ...e, sample: { ...e.sample, leaf: Uint8Array.from([...e.sample.leaf, ...ZERO32]) } }),
    ],
    ['a sample of five columns', 'NoColumn', (e) => ({ ...e, sample: { ...e.sample, leaf: new Uint8Array(160) } })],
    [
      'a sample of no whole columns',
      'NoColumn',
      (e) => ({ ...e, sample: { ...e.sample, leaf: e.sample.leaf.slice(1) } }),
    ],
    [
      'another tile of the sample',
      'RootMismatch',
      (e) => ({ ...e, source: { ...e.source, tile: bent(e.source.tile) } }),
    ],
    [
      'another form of the sample',
      'WrongForm',
      (e) => ({ ...e, source: { ...e.source, form: { dtype: 2, dims: [4900] } } }),
    ],
    [
      'another type of the sample',
      'WrongForm',
      (e) => ({ ...e, source: { ...e.source, form: { dtype: 3, dims: [70, 70] } } }),
    ],
    ['another step', 'WrongStep', (e) => ({ ...e, step: { ...e.step, step: 1 } })],
    ['another leaf', 'RootMismatch', (e) => ({ ...e, step: { ...e.step, leaf: { ...e.step.leaf, inputs: ZERO32 } } })],
    ['a list of a segment', 'UnknownPlace', (e) => ({ ...e, step: { ...e.step, by: BY.segment } })],
    ['no such place', 'UnknownPlace', (e) => ({ ...e, step: { ...e.step, by: 3 } })],
    ['no trace', 'NotTraced', (e) => ({ ...e, step: { ...e.step, by: BY.traced } })],
  ])('%s: %s', async (_, error, change) => {
    expect(await rulingOf(run, court.callOf(run, 'input', change(good)))).toBe(error)
  })

  test('makes no honest provider a liar, whichever bit of it is changed', async () => {
    const honest = runOf()
    await court.admit(honest)
    const start = startEvidence(honest, { opening: honest.opening(0), list: honest.state, index: 0, element: 77 })
    const number = numberEvidence(honest, { opening: honest.opening(4), list: honest.inputs(4) })
    const augmented = { opening: honest.opening(4), list: honest.inputs(4), index: 0, element: 60 }
    const next = stream('bits of the evidence')
    for (const call of [
      court.callOf(honest, 'input', evidence(honest)),
      court.callOf(honest, 'input', inputEvidence(honest, augmented)),
      court.callOf(honest, 'start', start),
      court.callOf(honest, 'stepNumber', number),
    ]) {
      const bytes = Buffer.from(call.slice(2), 'hex')
      // Who asks vouches for the Case.
      const first = 4 + 15 * 32
      const calls = Array.from({ length: 200 }, (_, i) => {
        const changed = Buffer.from(bytes)
        const span = i % 2 === 0 ? Math.min(2500, bytes.length - first) : bytes.length - first
        changed[first + Number(next() % BigInt(span))] ^= 1 << Number(next() % 8n)
        return `0x${changed.toString('hex')}`
      })
      const found = await court.rulings(calls)
      expect(found.filter((ruling) => ruling === 'false claim')).toEqual([])
    }
  }, 120_000)
})

// ---------------------------------------------------------------- cost

describe('what a fault costs', () => {
  test('is at most 1,200,000 gas and 24 KiB, in runs of thousands of steps over thousands of samples', async () => {
    const limited = await startNode()
    try {
      const own = await courtOf(limited, 'ScheduleReferee')
      const [samples, batch, steps] = [4096, 32, 4096]
      const noise = (dims: readonly number[]): Tensor => {
        const words = Uint32Array.from({ length: sizeOf(dims) }, (_, i) => Math.imul(i + 7, 2654435761) & 0x3fffffff)
        return { dtype: 'float32', dims, data: new Float32Array(words.map((word) => word | 0x01010101).buffer) }
      }
      const data = Dataset.from({ image: noise([samples, 3, 32, 32]), label: counting('int64', [samples]) })
      const wide = programOf({
        inputs: [
          ['float32', [batch, 3, 32, 32]],
          ['int64', [batch]],
        ],
      })
      const augmentations = [
        { kind: 'shift', column: 0, most: 2 },
        { kind: 'flip', column: 0, most: 0 },
      ] as const
      const large = Course.from(data, { batchSize: batch, start: { rules: RULES }, augmentations })
      const element = 50_000
      const run = courseRun(large, wide, {
        steps,
        shown: 3000,
        inputs: (inputs) => replaced(inputs, 0, flipped(inputs[0], element, 0)),
        state: (state) => replaced(state, 0, flipped(state[0], 1234, 0)),
      })
      await own.admit(run)
      const place = { opening: run.opening(3000), list: run.inputs(3000), index: 0, element }
      const start = { opening: run.opening(0), list: run.state, index: 0, element: 1234 }
      const costs: Record<string, readonly [number, number]> = {}
      for (const [fault, evidence] of [
        ['input', inputEvidence(run, place)],
        ['start', startEvidence(run, start)],
      ] as const) {
        const call = own.callOf(run, fault, evidence)
        expect(await own.rulings([call])).toEqual(['false claim'])
        costs[fault] = [await own.gasOf(call), (call.length - 2) / 2]
      }
      console.log(JSON.stringify(costs))
      for (const [gas, bytes] of Object.values(costs)) {
        expect(gas).toBeLessThan(1_200_000)
        expect(bytes).toBeLessThan(24_576)
      }
    } finally {
      await limited.stop()
    }
  }, 180_000)

  test('and the referee fits into a contract', () => {
    const { deployedBytecode } = readArtifact('ScheduleReferee')
    expect((deployedBytecode.length - 2) / 2).toBeLessThanOrEqual(24_576)
  })
})
