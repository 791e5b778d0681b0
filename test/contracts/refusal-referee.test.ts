import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ZERO32, concat } from '../../src/core/bytes.js'
import { sizeOf, tensor } from '../../src/core/tensor.js'
import type { OwnRun } from '../../src/dispute/book.js'
import {
  BY,
  openCarry,
  openElement,
  openEnds,
  openLeaf,
  openOutput,
  openValue,
  viewOfLeaves,
  type StepOpening,
} from '../../src/dispute/openings.js'
import { NO_LEAF } from '../../src/dispute/proof.js'
import { broadcastSource } from '../../src/dispute/sources.js'
import { Builder } from '../../src/exact/builder.js'
import { REASONS, type Reason } from '../../src/exact/op.js'
import type { RunRefusal } from '../../src/trace/refusal.js'
import type { Shape } from '../dispute/forge.js'
import { REFUSED, stoppedAt, type RefusedWork } from '../dispute/refused.js'
import { SOME, caseOf, honestOf, nameOf } from '../dispute/refusing.js'
import { courtOf, type Court } from './cases.js'
import { file, type Filed } from './filed.js'
import { startNode, type EvmNode } from './node.js'

let node: EvmNode
let court: Court
beforeAll(async () => {
  node = await startNode({ unlimited: true })
  court = await courtOf(node, 'RefusalReferee')
}, 60_000)
afterAll(() => node?.stop())

/** A claim about such a work. */
async function fileOf(of: RefusedWork, run: OwnRun, shape: Shape, declared = run.refusal): Promise<Filed> {
  return file(court, node, { case: await caseOf(of, { run, declared }, shape), run, declared })
}

/** The evidence that something is at a place, or nothing, as far as there is any. */
function placesOf({ run, opening, step: stepOf, list: listOf }: Filed): readonly object[] {
  const { program } = run
  const places: object[] = []
  for (let step = 0; step < run.inputs.length; step++) {
    const { values } = stepOf(step)
    const list = listOf(step, 'values')
    const at = opening(step)
    const place = (value: number, element: number, reason: Reason, tile: readonly [number, number], more = {}) => {
      if (values[tile[0]] === undefined || tile[1] >= sizeOf(program.values[tile[0]].dims)) return
      places.push({
        step: at,
        value,
        leaf: openValue(program, value),
        element,
        reason: REASONS[reason],
        tile: openElement(list, ...tile),
        other: NO_LEAF,
        index: 0,
        isCarry: false,
        ...more,
      })
    }
    for (const [v, value] of program.values.entries()) {
      program.outputs.forEach((output, index) => {
        if (output === v)
          for (let e = 0; e < sizeOf(value.dims); e++)
            place(v, e, 'nan-result', [v, e], { other: openOutput(program, index), index })
      })
      program.carries.forEach((carry, index) => {
        if (carry.value === v)
          place(v, 0, 'nan-result', [v, 0], { other: openCarry(program, index), index, isCarry: true })
      })
      if (value.kind !== 'node') continue
      const [first, second] = value.inputs
      for (let e = 0; e < sizeOf(program.values[first].dims); e++) place(v, e, 'nan', [first, e])
      if (second === undefined) continue
      const { dims } = program.values[second]
      for (let e = 0; e < sizeOf(dims); e++) {
        place(v, e, 'index-out-of-range', [second, e], { other: openValue(program, first) })
      }
      for (let e = 0; e < sizeOf(value.dims) + 2; e++)
        if (dims.length <= value.dims.length)
          place(v, e, 'zero-divisor', [second, broadcastSource(dims, value.dims, e) || 0])
    }
  }
  return places
}

const NOTHING = { step: 0, node: 0, element: 0 }

/** All that can be said about the refusal of a run. */
function allCalls(filed: Filed): readonly string[] {
  const { program, inputs, leaves } = filed.run
  const places = placesOf(filed)
  const steps = Array.from({ length: inputs.length }, (_, step) => filed.opening(step))
  const plain = leaves.map((_, leaf) => openLeaf({ leaf: viewOfLeaves(leaves) }, leaf, leaf * filed.run.commitEvery))
  const { refusal } = filed.run
  const own = { ...NOTHING, ...refusal, refused: true, reason: REASONS[refusal?.reason ?? 'nan'] }
  const shown = { refused: true, step: 1, node: 1, element: 0, reason: 1 }
  return [
    ...places.flatMap((place) => [filed.call('meets', place), filed.call('unmet', place)]),
    ...[...steps, ...plain].map((step) => filed.call('form', step)),
    ...[...steps, ...plain].map((step) => filed.call('recorded', step, own)),
    ...program.values
      .flatMap((_, v) => program.values.map((_, w) => [v, w] as const))
      .map(([v, w]) => filed.call('nowhere', openValue(program, v), openValue(program, w))),
    filed.call('noResult', openEnds(program, { outputs: true })),
    filed.call('undeclared', shown),
  ]
}

describe('an honest refused run survives all that can be said of its refusal', () => {
  const shapes: readonly Shape[] = [{}, { commitEvery: 2 }, { commitEvery: 3, operatorTrace: true }]
  test.each(shapes.map((shape, i) => [nameOf(shape), shape, i] as const))(
    '%s',
    async (_, shape, i) => {
      for (const of of REFUSED.filter((one, k) => SOME.includes(one) || k % shapes.length === i)) {
        const own = await honestOf(of, shape)
        const filed = await fileOf(of, own, shape)
        const calls = allCalls(filed)
        const found = await court.rulings(calls)
        expect([of.name, found.filter((ruling) => ruling === 'false claim')]).toEqual([of.name, []])
        expect(new Set(found)).toContain('NoFault')
      }
    },
    120_000,
  )

  test('and one that is not refused', async () => {
    for (const of of SOME) {
      const [good] = [of.work.inputs.at(0)!]
      const work = { ...of.work, inputs: [good, good, good, good] }
      const honest = { ...of, work }
      const own = await honestOf(honest, {})
      expect(own.refusal).toBeUndefined()
      const found = await court.rulings(allCalls(await fileOf(honest, own, {})))
      expect([of.name, found.filter((ruling) => ruling === 'false claim')]).toEqual([of.name, []])
    }
  })
})

describe('a divisor of nothing', () => {
  test('is no fault, though it is zero', async () => {
    const b = new Builder()
    const [x, y] = [b.input('x', { dtype: 'int32', dims: [0, 3] }), b.input('y', { dtype: 'int32', dims: [3] })]
    const { program } = b.finish({ outputs: [['z', b.op('Div', [x, y])]] })
    const inputs = [[tensor('int32', [0, 3], []), tensor('int32', [3], [0, 1, 0])]]
    const of: RefusedWork = { ...REFUSED[0], work: { program, state: [], inputs } }
    const own = await honestOf(of, {})
    expect(own.refusal).toBeUndefined()
    const filed = await fileOf(of, own, {})
    const list = filed.list(0, 'values')
    const at = { step: filed.opening(0), value: 2, leaf: openValue(program, 2), other: NO_LEAF, index: 0 }
    const evidence = { ...at, element: 0, reason: 2, tile: openElement(list, 1, 0), isCarry: false }
    expect(await court.rulings([filed.call('meets', evidence)])).toEqual(['OutOfRange'])
  })
})

describe('evidence that shows nothing', () => {
  const of = REFUSED.find(({ op }) => op === 'GatherElements')!
  const other = (place: Partial<RunRefusal>): RunRefusal => ({ ...of.at, ...place })
  /** Evidence about the right place. */
  function rightPlace(filed: Filed): Record<string, unknown> {
    const places = placesOf(filed) as readonly Record<string, unknown>[]
    const found = places.find(
      ({ value, element, reason, step }) =>
        value === of.at.node && element === of.at.element && reason === 3 && (step as StepOpening).step === of.at.step,
    )
    return found!
  }

  test('of a run that is not refused there is none', async () => {
    const filed = await fileOf(of, stoppedAt(of.work, undefined), {}, undefined)
    const place = rightPlace(filed)
    const found = await court.rulings([
      filed.call('meets', place),
      filed.call('unmet', place),
      filed.call('nowhere', NO_LEAF, NO_LEAF),
      filed.call('noResult', openEnds(of.work.program, { outputs: true })),
      filed.call('form', place.step),
    ])
    expect(found).toEqual(['false claim', 'NotRefused', 'NotRefused', 'NotRefused', 'NotRefused'])
  })

  test('a record that is not declared is false by its step, or by the trace of a segment', async () => {
    for (const shape of [{}, { commitEvery: 2 }] as readonly Shape[]) {
      const filed = await fileOf(of, stoppedAt(of.work, of.at, shape), shape, other({ step: 3 }))
      const shown = { ...of.at, refused: true, reason: REASONS[of.at.reason] }
      const at = filed.opening(of.at.step)
      const found = await court.rulings([
        filed.call('recorded', at, shown),
        filed.call('recorded', at, { ...shown, element: 0 }),
        filed.call('recorded', filed.opening(0), shown),
        filed.call('recorded', { ...at, by: BY.leaf }, shown),
      ])
      const byLeaf = shape.commitEvery === 2 ? 'WrongPlace' : 'false claim'
      expect(found).toEqual(['false claim', 'NoFault', 'NoFault', byLeaf])
    }
  })

  test('at another place than the declared one, or behind it', async () => {
    const filed = await fileOf(of, stoppedAt(of.work, other({ step: 0 })), {}, other({ step: 0 }))
    const [place] = placesOf(filed) as readonly Record<string, unknown>[]
    expect(await court.rulings([filed.call('unmet', place)])).toEqual(['WrongPlace'])
    const later = await fileOf(of, stoppedAt(of.work, other({ element: 0 })), {}, other({ element: 0 }))
    expect(await court.rulings([later.call('meets', rightPlace(later))])).toEqual(['WrongPlace'])
  })

  test('at an op that is not refused for that, or at no node', async () => {
    const filed = await fileOf(of, stoppedAt(of.work, undefined), {}, undefined)
    const place = rightPlace(filed)
    const { program } = of.work
    const { early } = of.others
    const calls = [
      { ...place, reason: 1 },
      { ...place, value: early, leaf: openValue(program, early) },
      { ...place, value: 0, leaf: openValue(program, 0) },
      { ...place, leaf: openValue(program, early) },
      { ...place, value: 1000 },
      { ...place, reason: 5 },
    ].map((evidence) => filed.call('meets', evidence))
    const names = ['NoFaultPoint', 'NoFaultPoint', 'NotANode', 'RootMismatch', 'NoSuchValue', 'NoFaultPoint']
    expect(await court.rulings(calls)).toEqual(names)
  })

  test('with another output, tile, element, step or trace', async () => {
    const filed = await fileOf(of, stoppedAt(of.work, undefined), {}, undefined)
    const place = rightPlace(filed)
    const { program } = of.work
    const tile = place.tile as { readonly tile: Uint8Array; readonly path: readonly Uint8Array[] }
    const step = place.step as StepOpening
    const output = { ...place, value: of.others.hidden, reason: 4, other: openOutput(program, 0) }
    const calls = [
      output,
      { ...place, tile: { ...tile, tile: tile.tile.map((byte) => byte ^ 1) } },
      { ...place, tile: { ...tile, tile: tile.tile.subarray(1) } },
      { ...place, tile: { ...tile, path: tile.path.slice(1) } },
      { ...place, element: 1e6 },
      { ...place, other: openValue(program, of.others.early) },
      { ...place, step: { ...step, step: 0 } },
      { ...place, step: { ...step, by: BY.leaf } },
      { ...place, step: { ...step, by: BY.segment } },
      { ...place, step: { ...step, inner: { ...step.inner, outputs: step.inner.inputs } } },
    ].map((evidence) => filed.call('meets', evidence))
    expect(await court.rulings(calls)).toEqual([
      'WrongPlace',
      'RootMismatch',
      'BadTile',
      'BadProofLength',
      'IndexOutOfRange',
      'RootMismatch',
      'WrongStep',
      'NoValues',
      'UnknownPlace',
      'RootMismatch',
    ])
  })

  test('of results less than all, or of the same program with the value among them', async () => {
    const declared = other({ step: 0, node: of.others.hidden, element: 0, reason: 'nan-result' })
    const filed = await fileOf(of, stoppedAt(of.work, declared), {}, declared)
    const { program } = of.work
    const all = openEnds(program, { outputs: true })
    const { outputs, carries, path } = all
    const none = new Uint8Array(0)
    const found = await court.rulings(
      [
        all,
        { ...all, outputs: none },
        { ...all, outputs: outputs.subarray(4) },
        { ...all, outputs: outputs.subarray(1) },
        { ...all, carries: carries.subarray(8) },
        { ...all, outputs: concat(outputs.subarray(4), outputs.subarray(0, 4)) },
        { ...all, path: path.slice(1) },
        { ...all, path: [...path, ZERO32] },
        openEnds(program, { outputs: false }),
      ].map((ends) => filed.call('noResult', ends)),
    )
    expect(found).toEqual([
      'false claim',
      'WrongPlace',
      'BadLeaf',
      'BadLeaf',
      'BadLeaf',
      'RootMismatch',
      'BadProofLength',
      'BadProofLength',
      'WrongPlace',
    ])
    for (const node of [of.others.late, program.carries[0].value]) {
      const result = { ...declared, node }
      const right = await fileOf(of, stoppedAt(of.work, result), {}, result)
      expect(await court.rulings([right.call('noResult', all)])).toEqual(['NoFault'])
    }
  })
})
