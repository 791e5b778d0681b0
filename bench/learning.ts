/**
 * What a proof of learning costs to check, beside the challenged steps themselves, for a short and a long run of one training program; and how
 * many nodes of the run's tree the opening of one step reads.
 *
 * `npm run bench -- learning [--json] [--steps N]`
 */
import { sign } from '../src/attest/nonce.js'
import { prove, verify } from '../src/attest/learning.js'
import { adam } from '../src/autodiff/optimizers.js'
import { from } from '../src/autodiff/training.js'
import { tensor } from '../src/core/tensor.js'
import * as Course from '../src/data/course.js'
import * as Dataset from '../src/data/dataset.js'
import { proveInclusion, type Tree } from '../src/merkle/tree.js'
import type { Bundle } from '../src/receipt/bundle.js'
import { hash as hashClaim } from '../src/receipt/claim.js'
import * as Job from '../src/receipt/job.js'
import { jobForCourse, provide } from '../src/receipt/provide.js'
import { fromRandom } from '../src/receipt/signer.js'
import { ortNode } from '../src/runtime/ort-node.js'
import { rootOfTensors } from '../src/trace/digests.js'
import { runTree } from '../src/trace/step.js'
import { print } from './measure.js'
import { Draft } from './models.js'

const at = process.argv.indexOf('--steps')
const LONG = at < 0 ? 100_000 : Number(process.argv[at + 1])
const [BATCH, CHALLENGED, EVERY] = [16, 20, 100]
const runtime = ortNode({ threads: 1 })
const verifier = fromRandom()

/** 64 numbers to 10 classes through 32. */
function training() {
  const d = new Draft(1)
  const { model } = d.finish('mlp', d.linear(d.node('Relu', [d.linear('x', [64, 32])]), [32, 10]), [BATCH, 64])
  return from(model, { loss: 'softmax-cross-entropy', optimizer: adam(1e-3) })
}

function dataset(samples: number): Dataset.Dataset {
  let seed = 3
  const next = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0)
  const x = Float32Array.from({ length: samples * 64 }, () => next() / 2 ** 32)
  const targets = Array.from({ length: samples }, () => BigInt(next() % 10))
  return Dataset.from({ x: tensor('float32', [samples, 64], x), targets: tensor('int64', [samples], targets) })
}

/** A run with every state kept, so that opening costs no steps. */
async function trained(steps: number): Promise<Bundle> {
  const { program, state } = training()
  const course = Course.from(dataset(4096), { batchSize: BATCH, start: { checkpoint: rootOfTensors('state', state) } })
  const job = await jobForCourse({ program, course, steps })
  const work = Course.open(course, program, { job: Job.hash(job.job), steps, checkpoint: state })
  const kept = new Map<number, typeof state>()
  const store = {
    load: () => Promise.resolve(undefined),
    commit: async ({ leaf, state: after }: { leaf: { index: number }; state: typeof state }) => {
      if ((leaf.index + 1) % EVERY === 0) kept.set(leaf.index + 1, after)
    },
  }
  const sealed = await provide(work, { job, runtime, signer: fromRandom(), store })
  const inside = [...kept.keys()].filter((leaf) => leaf < steps)
  return {
    ...(await sealed.reveal()),
    checkpoints: { at: inside, read: (leaf) => Promise.resolve(kept.get(leaf)!) },
  }
}

/** Milliseconds of so many steps on a session that is open. */
async function timeOfSteps({ program, initialState, inputs }: Bundle, count: number): Promise<number> {
  const session = await runtime.open(program, initialState)
  const given = Array.from({ length: count }, (_, step) => inputs.at(step)!)
  const began = performance.now()
  for (const list of given) await session.step(list)
  const spent = performance.now() - began
  await session.close()
  return spent
}

/** Reads of nodes while one leaf is opened. */
function readsOf(tree: Tree, index: number): number {
  let reads = 0
  const levels = tree.levels.map((level) => {
    const counted = new Proxy(level, {
      get(target, key) {
        if (key === 'slice') reads++
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    return counted
  })
  proveInclusion({ size: tree.size, levels }, index)
  return reads
}

async function bench(steps: number): Promise<void> {
  const bundle = await trained(steps)
  const { claim, provider } = bundle.receipt.receipt
  const subject = { job: claim.job, claim: hashClaim(claim), provider }
  const beacon = await sign(subject, verifier, { issuedAt: 1n })
  const trust = { verifier: verifier.address }
  const proof = await prove(bundle, runtime, { beacon, count: CHALLENGED, trust })
  await verify(proof, runtime, { trust })
  const began = performance.now()
  const { sampled } = await verify(proof, runtime, { trust })
  const spent = performance.now() - began
  const own = await timeOfSteps(bundle, sampled)
  const figure = (metric: string, value: number, unit: string) =>
    print({ bench: 'learning', case: `${steps} steps, ${sampled} challenged`, metric, value, unit })
  figure('verify', spent, 'ms')
  figure('challenged-steps', own, 'ms')
  figure('verify-beside-steps', spent - own, 'ms')
  figure('nodes-read', readsOf(runTree(bundle.leaves), Math.floor(steps / 3)), 'of the tree, to open one step')
}

for (const steps of [1000, LONG]) await bench(steps)
