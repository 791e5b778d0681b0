/**
 * Training for money among strangers, on a chain: `npm run demo:chain`. A requester pays for a training run. One provider lies in one number and
 * publishes its run; another lies in a product and shows nothing; a third one works. A watcher finds both lies, and contracts judge them by
 * recomputing one element each. Every transaction is printed with its gas. Ends with an error where anything is not as it should be.
 *
 * Starts an EVM node of its own, or uses a development node by its URL: `npm run demo:chain -- URL` (its clock is moved on by days; the
 * first of its own accounts pays).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pc from 'picocolors'
import { Bytes, Claim, Data, Dispute, Job, Policy, Provider, Recipe, Runtime, Signer } from 'countersign'
import type { Bundle, Trace } from 'countersign'
import {
  Deployment,
  Disputes,
  Jobs,
  Money,
  Terms,
  accountOn,
  connect,
  domainOf,
  headOf,
  idOf,
  nodeAt,
  respond,
  watchClaims,
  type Connection,
  type ResponderNews,
  type WatcherNews,
} from 'countersign/chain'
import { codeOf } from 'countersign/disk'
import { ortWeb } from 'countersign/runtime/ort-web'
import { drawMany } from '../scripts/digits/draw.js'
import { startNode } from '../test/contracts/node.js'
import { Ledger, ether } from './ledger.js'
import { liar, type Lie } from './liar.js'
import { mlp } from './networks.js'
import { compileFor, datasetOf } from './pictures.js'

const began = performance.now()
const say = (text: string) => console.log(`   ${text}`)
const title = (text: string) => console.log(`\n${pc.bold(pc.cyan(text))}`)
const short = (bytes: Uint8Array) => `${Bytes.toHex(bytes).slice(0, 12)}…`

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`not as it should be: ${what}`)
}

// ---------------------------------------------------------------------------------------------------------------- the chain

const given = process.argv[2]
const own = given === undefined ? await startNode() : undefined
const node = await nodeAt(given ?? own!.url)
const [bank] = await node.listAccounts()
must(bank !== undefined, 'the node has no accounts of its own: it is no development node')
const DAY = 86_400
const FUNDS = 10n ** 18n

/** A block so many seconds later. Contracts know the time by blocks alone. */
async function later(seconds: number): Promise<void> {
  await node.send('evm_increaseTime', [seconds])
  await node.send('evm_mine', [])
}

const NAMES = ['rita', 'mallory', 'moritz', 'alice', 'wanda'] as const
type Name = (typeof NAMES)[number]
const signers = Object.fromEntries(NAMES.map((name) => [name, Signer.fromRandom()])) as Record<
  Name,
  ReturnType<typeof Signer.fromRandom>
>
const account = (name: Name) => accountOn(signers[name], node)
const ledger = new Ledger(
  node,
  new Map(NAMES.map((name) => [signers[name].address, name])),
  (await node.getBlockNumber()) + 1,
)

title('1. A chain, and the contracts on it')
for (const name of NAMES) {
  const { hash } = await bank.sendTransaction({ to: signers[name].address, value: FUNDS })
  while ((await node.getTransactionReceipt(hash)) === null) await sleep(20)
}
const deployment = await Deployment.deploy(account('rita'), codeOf, { onProgress: (one) => ledger.made(one) })
await Deployment.verify(deployment, node, codeOf)
ledger.know(deployment)
await ledger.tell()
say(`chain ${deployment.chainId}; the code of each contract is the one that this package carries`)

const as = (name: Name): Promise<Connection> => connect(deployment, account(name), { poll: 50 })
const connections = Object.fromEntries(await Promise.all(NAMES.map(async (name) => [name, await as(name)]))) as Record<
  Name,
  Connection
>

// ---------------------------------------------------------------------------------------------------------------- the job

const STEPS = 6
const model = compileFor(mlp({ side: 16, hidden: 24, ink: 255 }), { side: 16, batch: 16 })
const recipe = Recipe.from({
  loss: 'softmax-cross-entropy',
  optimizer: { name: 'adamw', weightDecay: 0.01 },
  rate: { kind: 'constant', rate: 0.01 },
})
const training = Recipe.train(model, recipe)
const { program } = training
const dataset = datasetOf(drawMany('a job on a chain', 96), { side: 16 })
const course = Data.Course.from(dataset, { batchSize: 16, start: { rules: Data.Initial.rulesFor(program) } })
const policy = Policy.optimistic(2 * DAY)
const terms = Terms.from({
  payment: 2n * 10n ** 17n,
  stake: 10n ** 17n,
  bond: 10n ** 15n,
  replayTime: 600,
})

/** A job that stands on the chain, and the work that follows from it. */
interface Ordered {
  readonly signed: Job.SignedJob
  readonly posted: Jobs.PostedJob
  readonly work: Trace.Work
}

/** The requester states the job, and pays for it in advance. */
async function order({ operatorTrace }: { operatorTrace: boolean }): Promise<Ordered> {
  const requester = connections.rita
  const deadline = Number((await headOf(requester)).time) + DAY
  const signed = await Provider.jobForCourse(
    { program, course, steps: STEPS },
    { requester: signers.rita, policy, deadline, operatorTrace, domain: domainOf(deployment) },
  )
  const posted = { hash: Job.hash(signed.job), job: signed.job, policy, terms }
  await Disputes.describe(requester, program)
  await Jobs.post(requester, posted)
  say(
    `job ${short(posted.hash)}: ${STEPS} steps, pays ${ether(terms.payment)}; who takes it stakes ${ether(terms.stake)}`,
  )
  return { signed, posted, work: Data.Course.open(course, program, { job: posted.hash, steps: STEPS }) }
}

/** A provider takes the job, trains and says what came of it. */
async function provide(
  name: Name,
  { signed, posted, work }: Ordered,
  runtime: Runtime.Runtime,
): Promise<Bundle.Bundle> {
  await Jobs.take(connections[name], posted)
  const run = await Provider.provide(work, { job: signed, runtime, signer: signers[name] })
  const bundle = await run.reveal()
  const { claim } = bundle.receipt.receipt
  await Jobs.fileClaim(connections[name], claim)
  say(`${name} trained and claims ${short(Claim.hash(claim))}: loss ${Number(bundle.outputs[0].data[0]).toFixed(4)}`)
  return bundle
}

// ---------------------------------------------------------------------------------------------------------------- people at work

/** What the watcher knows about each claim: the provider's bundle, or the job's work alone. */
const published = new Map<string, Bundle.Bundle | Trace.Work>()
const publish = (name: Name, { posted }: Ordered, what: Bundle.Bundle | Trace.Work) =>
  published.set(`${Bytes.toHex(posted.hash)} ${signers[name].address}`, what)

const stopper = new AbortController()
const news: (WatcherNews | (ResponderNews & { readonly by: Name }))[] = []
const nameOf = (address: string) => NAMES.find((name) => signers[name].address === address)!

function watch(): Promise<void> {
  return watchClaims(connections.wanda, {
    bundleOf: ({ claim, provider }) => published.get(`${Bytes.toHex(claim.job)} ${provider}`),
    runtime: ortWeb(),
    signal: stopper.signal,
    onProgress(one) {
      news.push(one)
      const liar = nameOf(one.claim.provider)
      if (one.kind === 'true') say(`wanda trained again: the same bits, ${pc.green('nothing to object')}`)
      if (one.kind === 'opened') say(`wanda trained again: other bits. ${liar} shows nothing, so she asks, with a bond`)
      if (one.kind === 'proving') say(`wanda found it: ${pc.red(one.proof.summary)}`)
      if (one.kind === 'trouble') say(pc.red(String(one.error)))
    },
  })
}

/** A provider answers every question about a claim of its own, out of what it computed. */
function answer(name: Name, bookOf: () => Promise<Dispute.Book>): Promise<void> {
  return respond(connections[name], {
    bookOf,
    signal: stopper.signal,
    onProgress(one) {
      news.push({ ...one, by: name })
      if (one.kind === 'trouble') say(pc.red(String(one.error)))
    },
  })
}

/** Waits until something was said. */
async function said<K extends string>(kind: K, by: Name): Promise<void> {
  const about = (one: (typeof news)[number]) => ('by' in one ? one.by : nameOf(one.claim.provider)) === by
  for (const end = Date.now() + 100_000; !news.some((one) => one.kind === kind && about(one)); await sleep(20))
    must(Date.now() < end, `nobody said "${kind}" about ${by}`)
}

const engagementOf = (name: Name, { posted }: Ordered) =>
  Jobs.engagementOf(connections.rita, idOf(posted.hash, signers[name].address))

// ---------------------------------------------------------------------------------------------------------------- act one

title('2. Mallory lies in one element, and publishes what she did')
const work: Promise<void>[] = [watch()]
const lie: Lie = { step: 3, value: program.carries[0].value, element: 1000, by: 0.001 }
const first = await order({ operatorTrace: true })
const faked = await provide('mallory', first, liar(lie))
say(
  `(after step ${lie.step} she added ${lie.by} to one of ${program.values[lie.value].dims.join(' x ')} weights, and went on from there)`,
)
await ledger.tell()
publish('mallory', first, faked)
await said('proved', 'mallory')
await ledger.tell()
must((await engagementOf('mallory', first)).state === 'slashed', 'the lie is slashed')
say(pc.green('The contract recomputed that element: her stake is gone, the payment is back with rita.'))

// ---------------------------------------------------------------------------------------------------------------- act two

title('3. Moritz lies inside of a product of matrices, and publishes nothing')
const second = await order({ operatorTrace: false })
const product = program.values.findLastIndex((one) => one.kind === 'node' && one.op === 'MatMul' && one.dims[1] === 10)
const runtime = liar({ step: 4, value: product, element: 77, by: 2 ** -20 })
await provide('moritz', second, runtime)
await ledger.tell()
// He has to answer: silence loses, too.
work.push(answer('moritz', async () => new Dispute.Book(await Dispute.runFor(second.work, runtime))))
publish('moritz', second, second.work)
await said('proved', 'moritz')
await ledger.tell()
must((await engagementOf('moritz', second)).state === 'slashed', 'the hidden lie is slashed')
const questions = news.filter((one) => 'by' in one && one.kind === 'answered').length
say(
  pc.green(`${questions} answers led to it; the contract recomputed one piece of one sum. His stake is gone as well.`),
)

// ---------------------------------------------------------------------------------------------------------------- act three

title('4. Alice does the work')
const third = await order({ operatorTrace: false })
const bundle = await provide('alice', third, ortWeb())
publish('alice', third, bundle)
work.push(answer('alice', async () => new Dispute.Book(await Dispute.runFor(third.work, ortWeb()))))
await said('true', 'alice')
const { closes } = await engagementOf('alice', third)
await later(Number(closes - (await headOf(connections.alice)).time) + 1)
say(pc.dim('(days later: nobody objected, and nobody had announced the lies before wanda did)'))
await said('settled', 'alice')
await said('rewarded', 'mallory')
await said('rewarded', 'moritz')
must((await engagementOf('alice', third)).state === 'paid', 'alice is paid')
const isPaidOut = async () => {
  const { settlement, dispute } = await Money.creditOf(connections.wanda, terms.token, signers.wanda.address)
  return settlement + dispute === 0n
}
while (!(await isPaidOut())) await sleep(20)
stopper.abort()
await Promise.all(work)
for (const name of ['rita', 'alice'] as const) await Money.withdraw(connections[name])
await ledger.tell()

// ---------------------------------------------------------------------------------------------------------------- the end

title('5. Who has what')
const { payment, stake } = terms
const half = stake / 2n
const expected: Record<Name, bigint> = {
  // Half of each slashed stake goes to whom was lied to.
  rita: -payment + 2n * (stake - half),
  mallory: -stake,
  moritz: -stake,
  alice: payment,
  wanda: 2n * half,
}
let sum = 0n
for (const name of NAMES) {
  const { address } = signers[name]
  const [held, fees] = [await node.getBalance(address), ledger.feesOf(address)]
  const gained = held - FUNDS + fees
  sum += gained
  const sign = gained >= 0n ? '+' : '-'
  const amount = `${sign}${ether(gained >= 0n ? gained : -gained)}`
  say(`${name.padEnd(8)} ${amount.padEnd(10)} and ${ether(fees)} of fees, holds ${ether(held)}`)
  must(gained === expected[name], `what ${name} gained`)
}
const kept = await Promise.all([deployment.settlement, deployment.dispute].map((one) => node.getBalance(one)))
must(sum === 0n && kept.every((amount) => amount === 0n), 'money in is money out')
say(`the contracts hold ${ether(kept[0] + kept[1])}: everything that was paid in was paid out`)
node.destroy()
await own?.stop()
const seconds = ((performance.now() - began) / 1000).toFixed(1)
console.log(
  `\n${pc.green(pc.bold('As it should be.'))} ${ledger.count} transactions, ${ledger.gas.toLocaleString('en-US')} gas, ${seconds} s`,
)
