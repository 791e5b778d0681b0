/**
 * What commitments add to a training run: the same steps of 784-1024-10 at batch 256 bare, recorded with a leaf for every ten steps, and
 * recorded into a store that writes every leaf and its state. `npm run bench -- training` prints it as well.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sgd } from '../src/autodiff/optimizers.js'
import { from } from '../src/autodiff/training.js'
import { tensor } from '../src/core/tensor.js'
import * as Course from '../src/data/course.js'
import * as Dataset from '../src/data/dataset.js'
import { runStore } from '../src/disk/index.js'
import { ortNode } from '../src/runtime/ort-node.js'
import type { Runtime, Session } from '../src/runtime/runtime.js'
import { rootOfTensors } from '../src/trace/digests.js'
import { record } from '../src/trace/trace.js'
import { alternateBursts, median, print, ratio } from './measure.js'
import { Draft } from './models.js'

const [BATCH, STEPS, EVERY] = [256, 50, 10]

/** A runtime that hands out one session that is open already: opening is no part of a step. */
const reusing = (runtime: Runtime, session: Session): Runtime => ({
  ...runtime,
  async open(_program, state) {
    await session.restart(state)
    return {
      program: session.program,
      get state() {
        return session.state
      },
      step: (inputs, options) => session.step(inputs, options),
      restart: (next) => session.restart(next),
      close: () => Promise.resolve(),
    }
  },
})

function dataset(samples: number): Dataset.Dataset {
  let seed = 7
  const next = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0)
  const pixels = Float32Array.from({ length: samples * 784 }, () => next() / 2 ** 32)
  const labels = Array.from({ length: samples }, () => BigInt(next() % 10))
  return Dataset.from({ x: tensor('float32', [samples, 784], pixels), targets: tensor('int64', [samples], labels) })
}

/** Prints the overhead of runs of fifty steps in five leaves. */
export async function commitOverhead(threads = 1): Promise<void> {
  const d = new Draft(1)
  const { model } = d.finish('mlp', d.linear(d.node('Relu', [d.linear('x', [784, 1024])]), [1024, 10]), [BATCH, 784])
  const { program, state } = from(model, { loss: 'softmax-cross-entropy', optimizer: sgd(1e-4) })
  const start = { checkpoint: rootOfTensors('state', state) }
  const course = Course.from(dataset(10 * BATCH), { batchSize: BATCH, start })
  const work = Course.open(course, program, { job: new Uint8Array(32), steps: STEPS, checkpoint: state })
  const session = await ortNode({ threads }).open(program, state)
  const runtime = reusing(ortNode({ threads }), session)
  const folder = mkdtempSync(join(tmpdir(), 'commit-overhead-'))
  let runs = 0
  const bare = async () => {
    await session.restart(state)
    for (let step = 0; step < STEPS; step++) await session.step(work.inputs.at(step)!)
  }
  try {
    const times = await alternateBursts(
      { rounds: 15, done: (_, milliseconds) => milliseconds >= 500 },
      {
        bare,
        committed: () => record(work, runtime, { commitEvery: EVERY }),
        stored: () => record(work, runtime, { commitEvery: EVERY, store: runStore(join(folder, `${runs++}`)) }),
      },
    )
    const figure = (metric: string, value: number, unit: string) =>
      print({ bench: 'training', case: 'mlp-784-1024-10-b256', metric, value, unit })
    figure('step', median(times.bare.wall) / STEPS, 'ms')
    figure('commit-overhead', ratio(times.committed.wall, times.bare.wall) - 1, 'of the run, a leaf every 10 steps')
    figure('commit-overhead-processor', ratio(times.committed.processor, times.bare.processor) - 1, 'of the run')
    figure('commit-and-store-overhead', ratio(times.stored.wall, times.bare.wall) - 1, 'of the run, states written')
  } finally {
    await session.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
