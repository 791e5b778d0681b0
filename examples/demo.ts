/**
 * The main job from end to end: `npm run demo`. Three honest providers on three different runtimes and one cheat run a classifier; seals,
 * receipts, a quorum, the first difference by name, and the verdicts of a replay. Ends with an error where anything is not as it should be.
 */
import { readFileSync } from 'node:fs'
import pc from 'picocolors'
import {
  Attestation,
  Audit,
  Bundle,
  Bytes,
  Claim,
  Difference,
  Fault,
  Job,
  Model,
  Policy,
  Program,
  Provider,
} from 'countersign'
import { Quorum, Receipt, Runtime, Seal, Signer, Tensor, Trace, Verdict } from 'countersign'
import { ortNode } from 'countersign/runtime/ort-node'
import { ortWeb } from 'countersign/runtime/ort-web'
import { DIGITS, MODEL, best, picture } from './digits.js'

const began = performance.now()
const say = (text = '') => console.log(text)
const title = (text: string) => say(`\n${pc.bold(pc.cyan(text))}`)
const good = pc.green
const bad = pc.red
const short = (bytes: Uint8Array) => `${Bytes.toHex(bytes).slice(0, 12)}…`
const kB = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`
const ms = (milliseconds: number) => `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`

/** The result of a step of the story and how long it took. */
async function timed<T>(work: () => T | Promise<T>): Promise<readonly [T, number]> {
  const start = performance.now()
  return [await work(), performance.now() - start]
}

/** What must hold for the demo to have shown what it says. */
function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(`not as it should be: ${what}`)
}

/** Native ONNX Runtime where its optional package is installed. */
async function native(): Promise<Runtime.Runtime | undefined> {
  const runtime = ortNode()
  return runtime.describe().then(
    () => runtime,
    (error) => {
      if (Fault.is(error, 'runtime/unavailable')) return undefined
      throw error
    },
  )
}

// ---------------------------------------------------------------------------------------------------------------- 1

title('1. A requester wants a model run by strangers')
const bytes = new Uint8Array(readFileSync(MODEL))
const model = Model.decode(bytes)
const { label, pixels } = DIGITS[7]
const [{ program, state }, compiling] = await timed(() => Program.compile(model, { inputs: { pixels } }))
const weights = state.reduce((sum, { data }) => sum + data.length, 0)
for (const line of picture(pixels)) say(`   ${pc.dim(line)}`)
say(`   The input: a drawing of a ${label}. The model: ${model.graph.nodes.map(({ op }) => op).join(', ')};`)
say(
  `   ${weights} weights, ${kB(bytes.length)}, an ordinary ONNX file. It is compiled to ${program.counts.nodes} exact`,
)
say(`   operations in ${ms(compiling)}: each has one right result, in every bit, on every machine.`)

const work: Trace.Work = { program, state, inputs: [[pixels]] }
const fast = await native()
if (fast === undefined) say(`   ${pc.yellow('onnxruntime-node is not installed: alice uses WebAssembly too.')}`)
const alice = {
  name: 'alice',
  runtime: fast ?? ortWeb(),
  signer: Signer.fromRandom(),
  how: fast ? 'native ONNX Runtime' : 'WebAssembly',
}
const bob = { name: 'bob', runtime: ortWeb(), signer: Signer.fromRandom(), how: 'WebAssembly' }
const carol = { name: 'carol', runtime: Runtime.reference(), signer: Signer.fromRandom(), how: 'plain TypeScript' }
const mallory = { name: 'mallory', runtime: ortWeb(), signer: Signer.fromRandom(), how: 'one weight changed' }
const providers = [alice, bob, carol, mallory]
const nameOf = (address: string) => providers.find(({ signer }) => signer.address === address)!.name

const now = Math.floor(Date.now() / 1000)
const replicas = providers.map(({ signer }) => signer.address)
const policy = Policy.quorum('3/4', { replicas, window: 600 })
const requester = Signer.fromRandom()
const job = await Provider.jobFor(work, { policy, requester, deadline: now + 600, operatorTrace: true })
say(`   The job ${short(Job.hash(job.job))} names program, weights, input and policy: 3 of 4 must agree.`)

// ---------------------------------------------------------------------------------------------------------------- 2

title('2. Four providers run it; each seals its result before anybody shows one')

/** Mallory computes with another weight and claims that it was the one asked for: every commitment is made to look right. */
async function cheat(): Promise<Provider.Sealed> {
  const { dims, data } = state[0]
  const changed = Float32Array.from(data as Float32Array)
  changed[4] += 0.01
  const other = [Tensor.tensor('float32', dims, changed), ...state.slice(1)]
  const { values, outputs } = await Trace.record({ ...work, state: other }, mallory.runtime, { operatorTrace: true })
  const shown = [...state, ...values![0].slice(state.length)]
  const step = Trace.commitStep(0, { before: state, inputs: [pixels], values: shown, after: state, outputs })
  const trace = {
    ...work,
    commitEvery: 1,
    initialState: state,
    finalState: state,
    outputs,
    leaves: [step],
    steps: [step],
    values: [shown],
    refusal: undefined,
  }
  return Provider.seal(trace, {
    job,
    signer: mallory.signer,
    metadata: await Provider.metadataOf(mallory.runtime, bytes),
    model: bytes,
  })
}

let quorum = await Quorum.open(job)
const runs: Provider.Sealed[] = []
for (const { name, runtime, signer, how } of providers) {
  const provide = () => (name === 'mallory' ? cheat() : Provider.provide(work, { job, runtime, signer, model: bytes }))
  const [run, spent] = await timed(provide)
  runs.push(run)
  quorum = await Quorum.seal(quorum, run.seal, { at: now })
  say(
    `   ${name.padEnd(8)} ${how.padEnd(20)} seal ${short(Seal.hash(run.seal.seal))}  ${ms(spent).padStart(8)} with start, commitments, signature`,
  )
}
must(quorum.seals.length === 4, 'four seals count')
say('   A seal shows nothing of the result and cannot be changed any more: nobody can copy an answer.')

// ---------------------------------------------------------------------------------------------------------------- 3

title('3. The seals are closed; the results are revealed, with signed receipts')
const bundles: Bundle.Bundle[] = []
for (const [i, run] of runs.entries()) {
  const bundle = await run.reveal({ seals: quorum.seals })
  bundles.push(bundle)
  quorum = await Quorum.reveal(quorum, bundle.receipt, { at: now })
  const claim = Claim.hash(bundle.receipt.receipt.claim)
  const scores = run.trace.outputs[0]
  const answer = best(scores)
  const sure = `${(Number(scores.data[answer]) * 100).toFixed(3)} %`
  say(
    `   ${providers[i].name.padEnd(8)} says ${answer} (${sure})   claim ${(i < 3 ? good : bad)(short(claim))}   receipt ${Receipt.encode(bundle.receipt).length} bytes`,
  )
  must(answer === label, `${providers[i].name} reads the digit`)
}
say('   Everybody reads the same digit: from the answer alone the cheat would not be seen. The claims differ.')

// ---------------------------------------------------------------------------------------------------------------- 4

title('4. The quorum')
const decision = Quorum.decide(quorum, now)
must(decision.outcome === 'agreed' && decision.agreed === 3, 'three of four agree')
must(
  decision.dissents.length === 1 && decision.dissents[0].provider === mallory.signer.address,
  'mallory alone dissents',
)
const attestation = Attestation.encode(Attestation.from(quorum, now))
const [, attesting] = await timed(() => Attestation.verify(Attestation.decode(attestation), { job: job.job }))
say(
  `   ${good('agreed')}: ${decision.agreed} of ${decision.replicas} make the same claim, bit for bit, on ${fast ? 'three different runtimes' : 'two different runtimes'}.`,
)
say(
  `   dissent: ${decision.dissents.map(({ provider }) => bad(nameOf(provider))).join(', ')}. Results are unique, so somebody lies.`,
)
say(
  `   The attestation, ${kB(attestation.length)}, was checked without any provider in ${ms(attesting)}: 4 seals, 4 receipts, 1 job.`,
)

// ---------------------------------------------------------------------------------------------------------------- 5

title('5. An auditor believes nobody and runs the job again')
const auditor = Signer.fromRandom()
const files = bundles.map((bundle) => Bundle.encode(bundle))
const sizeOf = (bundle: ReadonlyMap<string, Uint8Array>) =>
  [...bundle.values()].reduce((sum, { length }) => sum + length, 0)
for (const [i, { name }] of providers.entries()) {
  const [received, checking] = await timed(async () => Bundle.verify(await Bundle.decode(Bundle.readerOf(files[i]))))
  const [found, replaying] = await timed(() => Audit.replay(received, i === 1 ? Runtime.reference() : ortWeb()))
  const { verdict } = await Verdict.verify(await Audit.verdictOf(received, found, { signer: auditor }))
  must(verdict.outcome === (name === 'mallory' ? 'refuted' : 'valid'), `the verdict on ${name}`)
  const outcome = verdict.outcome === 'valid' ? good('valid  ') : bad('refuted')
  say(
    `   ${name.padEnd(8)} bundle ${kB(sizeOf(files[i]))}, checked in ${ms(checking).padStart(6)}; replayed in ${ms(replaying).padStart(6)}: ${outcome} (signed, ${verdict.grade})`,
  )
}

// ---------------------------------------------------------------------------------------------------------------- 6

title('6. Where exactly? The first difference between an honest run and the cheat')
const difference = Difference.firstDifference(bundles[0], bundles[3])
must(
  difference?.decided === true && difference.operator === 'Conv' && difference.at !== undefined,
  'the convolution is named',
)
const { value, operator, at } = difference!
say(`   value ${value} of the program, operator ${pc.bold(operator)}, element [${at!.coordinates}]:`)
say(`   expected ${good(String(at!.expected))}, found ${bad(String(at!.found))}`)
say('   Everything before it agrees, so this one number decides who lied.')

say(`\n${good(pc.bold('As it should be.'))} ${((performance.now() - began) / 1000).toFixed(1)} s in all. Your turn:`)
say(pc.dim('   export COUNTERSIGN_KEY=<64 hexadecimal digits>'))
say(pc.dim('   npm run -s countersign -- run fixtures/digits.onnx --input fixtures/digit-7.json --out my-run'))
say(pc.dim('   npm run -s countersign -- audit my-run --runtime ort-web'))
