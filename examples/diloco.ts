/**
 * Three strangers train one classifier together, in rounds: each goes on from the common weights with data of its own, then an outer step
 * combines them. Every link is a receipt. One of them saves itself most of a round and makes the rest up; its claim fits into the chain, and an
 * audit names it. On the real handwritten digits of ../shared/data/optdigits where they are there, else on generated ones.
 */
import { existsSync, readFileSync } from 'node:fs'
import pc from 'picocolors'
import { Bundle, Bytes, Data, Diloco, Fault, Job, Optimizer, Program, Provider, Rounds } from 'countersign'
import { Signer, Tensor, Trace, Training, type Runtime } from 'countersign'
import { ortWeb } from 'countersign/runtime/ort-web'

const [WORKERS, ROUNDS, STEPS, BATCH] = [3, 5, 30, 32]
const NAMES = ['ada', 'ben', 'mallory']
const began = performance.now()
const seconds = () => `${((performance.now() - began) / 1000).toFixed(1)} s`
const percent = (share: number) => `${(100 * share).toFixed(1)} %`
const title = (text: string) => console.log(`\n${pc.bold(pc.cyan(text))}`)

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(`not as it should be: ${what}`)
}

// ---------------------------------------------------------------------------------------------------------------- data

/** Pictures of 8 x 8 with ink from 0 to 16, and the digits that they show. */
interface Pictures {
  readonly rows: readonly number[][]
  readonly labels: readonly number[]
}

/** The lines of a file of the UCI data set: 64 inks, then the digit. */
function realDigits(file: string): Pictures {
  const [, ...lines] = readFileSync(file, 'utf8').trim().split('\n')
  const numbers = lines.map((line) => line.split(',').map(Number))
  return { rows: numbers.map((line) => line.slice(0, 64)), labels: numbers.map((line) => line[64]) }
}

/** Ten figures of random ink, drawn again and again with noise: the same ones for every seed. */
function generatedDigits(count: number, seed: number): Pictures {
  const numbers = (state: number) => () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
  const [figure, noise] = [numbers(1), numbers(seed)]
  const figures = Array.from({ length: 10 }, () => Array.from({ length: 64 }, () => 16 * figure()))
  const labels = Array.from({ length: count }, (_, i) => i % 10)
  return { rows: labels.map((label) => figures[label].map((ink) => ink + 24 * (noise() - 0.5))), labels }
}

const shared = new URL('../../shared/data/optdigits/', import.meta.url).pathname
const real = existsSync(`${shared}optdigits.tra`)
const training = real ? realDigits(`${shared}optdigits.tra`) : generatedDigits(1200, 2)
const unseen = real ? realDigits(`${shared}optdigits.tes`) : generatedDigits(500, 3)
const pixels = ({ rows }: Pictures) =>
  Tensor.tensor(
    'float32',
    [rows.length, 64],
    rows.flat().map((ink) => ink / 16),
  )
const digits = ({ labels }: Pictures) => Tensor.tensor('int64', [labels.length], labels.map(BigInt))

/** Every third picture for each worker. */
const shards = Array.from({ length: WORKERS }, (_, worker) => {
  const own = <T>(list: readonly T[]) => list.filter((_, i) => i % WORKERS === worker)
  const part = { rows: own(training.rows), labels: own(training.labels) }
  return Data.Dataset.from({ x: pixels(part), targets: digits(part) })
})

// ---------------------------------------------------------------------------------------------------------------- model

/** 64 inks, 32 hidden units, 10 digits. */
function network(batch: number): Program.Compiled {
  const { ZEROS, fansOf, he, initialTensor } = Data.Initial
  const seed = new Uint8Array(32).fill(7)
  const b = new Program.Builder()
  const state: Tensor.Tensor[] = []
  const parameter = (name: string, dims: readonly number[]) => {
    const rule = dims.length === 2 ? he(fansOf(dims, 'in-out')) : ZEROS
    const value = initialTensor({ dtype: 'float32', dims }, rule, { seed, parameter: state.length })
    state.push(value)
    return b.parameter(name, value)
  }
  const x = b.input('x', { dtype: 'float32', dims: [batch, 64] })
  const hidden = b.relu(b.add(b.matmul(x, parameter('w1', [64, 32])), parameter('b1', [32])))
  const scores = b.add(b.matmul(hidden, parameter('w2', [32, 10])), parameter('b2', [10]))
  return { program: b.finish({ outputs: [['scores', scores]] }).program, state, bound: {} }
}

const optimizer = Optimizer.adamW(2e-3)
const inner = Training.from(network(BATCH), { loss: 'softmax-cross-entropy', optimizer })
const outer = Diloco.outer(inner, { workers: WORKERS, rate: 0.7, momentum: 0.6 })

/** The share of unseen pictures that the common weights read rightly. */
async function accuracyOf(state: readonly Tensor.Tensor[]): Promise<number> {
  const { program } = network(unseen.rows.length)
  const weights = Training.stateFor(program, inner.program, Diloco.startOf(outer, state))
  const { outputs } = await Trace.record({ program, state: weights, inputs: [[pixels(unseen)]] }, ortWeb())
  const scores = [...(outputs[0].data as Float32Array)]
  const right = unseen.labels.filter((label, i) => {
    const own = scores.slice(10 * i, 10 * i + 10)
    return own.indexOf(Math.max(...own)) === label
  })
  return right.length / unseen.labels.length
}

// ---------------------------------------------------------------------------------------------------------------- people

const requester = Signer.fromRandom()
const people = NAMES.map(() => Signer.fromRandom())
const combiner = Signer.fromRandom()
const terms: Rounds.Terms = {
  outer,
  steps: STEPS,
  data: shards.map((shard) => Rounds.dataOf(shard, { batchSize: BATCH })),
  providers: people.map(({ address }) => address),
  requester: requester.address,
}

/** One worker's part of a round, from the job to the bundle. */
async function train(
  worker: number,
  state: readonly Tensor.Tensor[],
  runtime: Runtime.Runtime,
): Promise<Bundle.Bundle> {
  const course = { schedule: Rounds.scheduleOf(terms, { worker, state }), dataset: shards[worker] }
  const job = await Provider.jobForCourse({ program: inner.program, course, steps: STEPS }, { requester })
  const checkpoint = Diloco.startOf(outer, state)
  const work = Data.Course.open(course, inner.program, { job: Job.hash(job.job), steps: STEPS, checkpoint })
  return (await Provider.provide(work, { job, runtime, signer: people[worker] })).reveal()
}

/** The outer step of a round. */
async function combine(workers: readonly Bundle.Bundle[], state: readonly Tensor.Tensor[]): Promise<Bundle.Bundle> {
  const reached = workers.map(({ finalState }) => finalState)
  const work = { program: outer.program, state, inputs: [Diloco.inputsOf(outer, reached)] }
  const job = await Provider.jobFor(work, { requester })
  return (await Provider.provide(work, { job, runtime: ortWeb(), signer: combiner })).reveal()
}

/** Makes the first steps, then goes on in a straight line from the last two states: weights that look trained, for next to no work. */
function lazy(honest: number): Runtime.Runtime {
  const runtime = ortWeb()
  return {
    ...runtime,
    async open(program, state, options) {
      const session = await runtime.open(program, state, options)
      let [before, after, made] = [session.state, session.state, 0]
      let last: Runtime.StepResult | undefined
      return {
        program,
        get state() {
          return made <= honest ? after : after.map((value, i) => further(before[i], value, made - honest))
        },
        async step(inputs) {
          made++
          if (last !== undefined && made > honest) return last
          last = await session.step(inputs)
          ;[before, after] = [after, session.state]
          return last
        },
        restart: (next) => session.restart(next),
        close: () => session.close(),
      }
    },
  }
}

/** after + times (after - before) */
function further(before: Tensor.Tensor, after: Tensor.Tensor, times: number): Tensor.Tensor {
  const [from, to] = [before.data as Float32Array, after.data as Float32Array]
  return Tensor.tensor(
    after.dtype,
    after.dims,
    Array.from(to, (value, i) => value + times * (value - from[i])),
  )
}

// ---------------------------------------------------------------------------------------------------------------- rounds

const kind = real ? 'handwritten digits' : 'generated digits (no ../shared/data/optdigits here)'
title(`1. ${NAMES.join(', ')} train on ${training.rows.length} ${kind}`)
console.log(
  `   ${ROUNDS} rounds; in each ${STEPS} steps of AdamW a worker, then one outer step (rate 0.7, Nesterov 0.6)`,
)
console.log(
  `   round -: ${percent(await accuracyOf(outer.state))} of ${unseen.rows.length} unseen digits are read rightly`,
)

const rounds: Rounds.Round[] = []
for (let round = 0; round < ROUNDS; round++) rounds.push(await play(round, round === 2 ? lazy(8) : ortWeb()))

/** A round, in which mallory uses this runtime. */
async function play(round: number, mallorys: Runtime.Runtime): Promise<Rounds.Round> {
  const state = round === 0 ? outer.state : rounds[round - 1].outer.finalState
  const workers: Bundle.Bundle[] = []
  for (const worker of people.keys()) workers.push(await train(worker, state, worker === 2 ? mallorys : ortWeb()))
  const made = { workers: await Promise.all(workers.map(sent)), outer: await sent(await combine(workers, state)) }
  const norm = Number(made.outer.outputs[0].data[0]).toFixed(2)
  console.log(`   round ${round}: ${percent(await accuracyOf(made.outer.finalState))}, outer gradient of norm ${norm}`)
  return made
}

/** A bundle as it arrives elsewhere. */
async function sent(bundle: Bundle.Bundle): Promise<Bundle.Bundle> {
  return Bundle.decode(Bundle.readerOf(Bundle.encode(bundle)))
}

// ---------------------------------------------------------------------------------------------------------------- chain

title('2. Anybody verifies the chain of claims')
const start = performance.now()
const chain = await Rounds.verify(rounds, terms)
const took = (performance.now() - start).toFixed(0)
must(chain.links.length === ROUNDS * (WORKERS + 1), 'every link is in the chain')
const short = (bytes: Uint8Array) => `${Bytes.toHex(bytes).slice(0, 12)}…`
console.log(
  `   ${chain.links.length} receipts lead from ${short(chain.initial)} to ${short(chain.final)}: every worker began in the`,
)
console.log('   common state, on the agreed data, and every outer step took what the workers signed. No step was run.')
console.log(`   That took ${took} ms.`)

const without = rounds.filter((_, i) => i !== 1)
const refused: unknown = await Rounds.verify(without, terms).catch((error: unknown) => error)
must(Fault.is(refused, 'attest/broken-link'), 'a round that is missing is seen')
if (Fault.is(refused)) console.log(`   Without round 1: ${pc.red(refused.code)} at ${refused.detail.where}`)

// ---------------------------------------------------------------------------------------------------------------- audit

title('3. An auditor computes the links again')
const found = await Rounds.audit(rounds, ortWeb(), { onLink: report })

function report({ round, worker, outcome, apart, total }: Rounds.AuditedLink): void {
  const who = worker === undefined ? 'outer step' : NAMES[worker]
  const verdict = outcome === 'valid' ? pc.green('valid') : pc.red(pc.bold('refuted'))
  const where = apart === undefined ? '' : `: step ${apart.leaf} does not give the ${apart.field} that was signed`
  console.log(`   round ${round}, ${who.padEnd(10)} ${verdict}, ${total === 1 ? '1 step' : `${total} steps`}${where}`)
}

const { refuted } = found
must(refuted?.round === 2 && refuted.worker === 2 && refuted.apart?.leaf === 8, 'the cheat is named')
must(found.links.filter(({ outcome }) => outcome === 'refuted').length === 1, 'nobody else is')
console.log(
  `   ${pc.bold('mallory')} made 8 of ${STEPS} steps and drew the rest with a ruler. Its signature stands under that.`,
)

// ---------------------------------------------------------------------------------------------------------------- again

title('4. The round is made again, and training goes on from there')
rounds.length = 2
for (let round = 2; round < ROUNDS; round++) rounds.push(await play(round, ortWeb()))
const { links, final } = await Rounds.verify(rounds, terms)
const { outcome } = await Rounds.audit(rounds, ortWeb())
must(outcome === 'valid', 'the honest chain is valid')
console.log(
  `   ${links.length} links, ${pc.green('all of them valid')}; final state ${short(final)}. ${seconds()} in all.`,
)
