/**
 * Proofs that show a result and hide what it came from: `npm run demo:zk`. A network of real digits becomes an integer program, the program a
 * circuit. Alice proves which digit her picture shows, and shows the picture to nobody. Then contracts on a chain pay for proofs: for the
 * digit, and for two steps of a training run. Ends with an error where anything is not as it should be.
 *
 * Starts an EVM node of its own. The keys are development keys: unsafe, and marked so wherever they stand.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pc from 'picocolors'
import { Bytes, Fault, Job, Program, Provider, Quantize, Runtime, Signer, Tensor } from 'countersign'
import type { Trace } from 'countersign'
import {
  Deployment,
  Jobs,
  Money,
  Proofs,
  Terms,
  accountOn,
  connect,
  domainOf,
  headOf,
  nodeAt,
  revertOf,
} from 'countersign/chain'
import type { Connection } from 'countersign/chain'
import { codeOf } from 'countersign/disk'
import {
  circuitOf,
  commit,
  commitList,
  formOf,
  generator,
  prove,
  provenPolicy,
  publicsOf,
  signalsOf,
  statementOf,
  unsafeKey,
  verifyProof,
  withThreads,
  type Circuit,
  type CircuitOptions,
  type Generator,
  type Proof,
  type ProvingKey,
} from 'countersign/zk'
import { compile, loadBlocks } from 'countersign/zk/compile'
import { startNode } from '../test/contracts/node.js'
import { picture } from './digits.js'
import { readerOfDigits } from './integer-digits.js'
import { Ledger, ether } from './ledger.js'

const began = performance.now()
const say = (text: string) => console.log(`   ${text}`)
const title = (text: string) => console.log(`\n${pc.bold(pc.cyan(text))}`)
const short = (value: bigint | Uint8Array) =>
  `${(typeof value === 'bigint' ? value.toString(16).padStart(64, '0') : Bytes.toHex(value)).slice(0, 12)}…`
const seconds = (from: number) => `${((performance.now() - from) / 1000).toFixed(1)} s`
const counted = (n: number) => n.toLocaleString('en-US')

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`not as it should be: ${what}`)
}

/** What something is refused with: the error of a contract, or a fault. */
async function refusal(attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt()
  } catch (error) {
    if (Fault.is(error)) return revertOf(error)?.name ?? error.code
    throw error
  }
  throw new Error('not as it should be: nothing was refused')
}

// ---------------------------------------------------------------------------------------------------------------- circuits and proofs

/** A circuit with all that proving takes. */
interface Kit {
  readonly circuit: Circuit
  readonly generator: Generator
  readonly key: ProvingKey
}

const blocks = await loadBlocks()

async function kitOf(program: Program.Program, options: Omit<CircuitOptions, 'blocks'>): Promise<Kit> {
  const circuit = circuitOf(program, { ...options, blocks })
  say(`${counted(circuit.constraints)} constraints, counted before anything is compiled`)
  const start = performance.now()
  const { r1cs, wasm } = await compile(circuit)
  const key = await unsafeKey(r1cs)
  const { verification } = key
  say(`compiled and set up in ${seconds(start)}: unsafe development key ${short(verification.hash)}`)
  return { circuit, generator: await generator(wasm), key }
}

/** What of a run is known before it: statement and root of inputs, by which a job names it. */
function namesOf({ program, layouts }: Circuit, { state, inputs, salts }: Work): { statement: bigint; rootIn: bigint } {
  const model = state.map((tensor, i) => commit(tensor, layouts.parameters[i]))
  const given = inputs.map((tensor, i) => commit(tensor, { ...layouts.inputs[i], salt: salts?.inputs }))
  return { statement: statementOf(Program.hash(program), commitList(model)), rootIn: commitList(given) }
}

/** What a run starts from. */
interface Work {
  readonly state: readonly Tensor.Tensor[]
  readonly inputs: readonly Tensor.Tensor[]
  readonly salts?: { readonly inputs: bigint }
}

/** A run, and the proof of it. */
interface Proven {
  readonly outputs: readonly Tensor.Tensor[]
  readonly stateAfter: readonly Tensor.Tensor[]
  readonly proof: Proof
}

/** Runs the program exactly, and proves the run; the proof says just what the run gave. */
async function proven({ circuit, generator, key }: Kit, work: Work, context: bigint): Promise<Proven> {
  const { program } = circuit
  const session = await Runtime.reference().open(program, work.state)
  const { outputs } = await session.step(work.inputs)
  const stateAfter = session.state
  const run = { ...work, outputs, context, ...(program.carries.length > 0 ? { stateAfter } : {}) }
  const start = performance.now()
  const proof = await prove(key, generator.witness(signalsOf(circuit, run)))
  must(String(Object.values(proof.publics)) === String(Object.values(publicsOf(circuit, run))), 'what the proof says')
  say(`proved in ${seconds(start)}: ${proof.bytes.length} bytes`)
  return { outputs, stateAfter, proof }
}

const salt = () => BigInt(`0x${Bytes.toHex(crypto.getRandomValues(new Uint8Array(31)))}`)

// ---------------------------------------------------------------------------------------------------------------- the story

type Reader = Awaited<ReturnType<typeof readerOfDigits>>

const inputsOf = ({ quantized: { report }, unseen }: Reader, i: number) =>
  Quantize.quantizeFeed(report.inputs, { pixels: unseen[i].pixels })

async function quantized(): Promise<Reader> {
  title('1. A network that reads digits, as a program of integers')
  const start = performance.now()
  const reader = await readerOfDigits()
  const { quantized, unseen } = reader
  const session = await Runtime.reference().open(quantized.program, quantized.state)
  let right = 0
  for (const [i, { label }] of unseen.entries()) {
    const { outputs } = await session.step(inputsOf(reader, i))
    if (Number(outputs[0].data[0]) === label) right++
  }
  const { agreement } = quantized.report
  say(`64-32-10, trained on ${reader.kind} digits and made integers of 8 bits in ${seconds(start)}`)
  say(`${right} of ${unseen.length} unseen digits are read rightly; ${100 * agreement!} % as with real numbers`)
  must(right > 0.85 * unseen.length, 'the network reads digits')
  return reader
}

async function privately(kit: Kit, work: Work, { unseen: [{ pixels }] }: Reader): Promise<void> {
  title('3. Alice proves what her picture shows')
  for (const line of picture(inked(pixels))) say(pc.dim(`      ${line}`))
  const { outputs, proof } = await proven(kit, work, 0n)
  const claimed = Number(outputs[0].data[0])
  say(`she says it is a ${pc.bold(String(claimed))}, and hands out the proof; the picture and its salt stay with her`)

  title('4. Bob has the key, the program and her word')
  const { verification } = kit.key
  const publics = await verifyProof(proof, verification, { allowUnsafe: true })
  const { program } = kit.circuit
  const own = circuitOf(program, { blocks, baked: work.state, salted: { inputs: true } })
  must(own.text === kit.circuit.text, 'the circuit follows from the program and its weights')
  say('he writes the circuit again, to the same text; that the key is one of it, "countersign setup check" finds out')
  const { layouts } = own
  const expected = namesOf(own, work).statement
  const rootOf = (digit: number) =>
    commitList([commit(Tensor.tensor('int64', [1], [BigInt(digit)]), layouts.outputs[0])])
  must(publics.statement === expected, 'the statement is that of the program and its weights')
  must(publics.rootOut === rootOf(claimed), 'the root of outputs is that of the digit')
  say(
    pc.green(
      `shown: somebody has a picture with root ${short(publics.rootIn)} which program ${short(Program.hash(program))} reads as ${claimed}`,
    ),
  )
  const others = [...Array(10).keys()].filter((digit) => digit !== claimed && rootOf(digit) === publics.rootOut)
  must(others.length === 0, 'no other digit has this root')
  say('not shown: that the picture is a real one, who drew it, or that nobody else has it')
  const altered = { ...proof, publics: { ...publics, rootOut: rootOf((claimed + 1) % 10) } }
  say(
    `the same proof for another digit: ${await refusal(() => verifyProof(altered, verification, { allowUnsafe: true }))}`,
  )
  say(`the key without the word that allows unsafe ones: ${await refusal(() => verifyProof(proof, verification))}`)
}

/** Ink from 0 to 16 as ink to 255. */
const inked = ({ dims, data }: Tensor.Tensor): Tensor.Tensor =>
  Tensor.tensor(
    'float32',
    dims,
    [...(data as Float32Array)].map((ink) => ink * 15.9),
  )

/** Batches of a training job: is it a zero, by the ink of each line? */
function batchesOf({ unseen }: Reader, { inputs }: Quantize.IntegerStep): Tensor.Tensor[][] {
  const chosen = unseen.filter(({ label }) => label < 2)
  return [0, 4].map((from) => {
    const part = chosen.slice(from, from + 4)
    const lines = part.flatMap(({ pixels }) => Array.from({ length: 8 }, (_, y) => lineOf(pixels, y)))
    const x = Tensor.tensor('float32', [4, 8], lines)
    const t = Tensor.tensor(
      'float32',
      [4, 1],
      part.map(({ label }) => (label === 0 ? 1 : 0)),
    )
    return Quantize.quantizeFeed(inputs, { x, t })
  })
}

const lineOf = ({ data }: Tensor.Tensor, y: number): number =>
  [...(data as Float32Array).slice(8 * y, 8 * y + 8)].reduce((a, b) => a + b) / 128

// ---------------------------------------------------------------------------------------------------------------- on a chain

interface Stage {
  readonly digits: Kit
  readonly alice: Work
  readonly steps: Kit
  /** First weights of the training job. */
  readonly first: readonly Tensor.Tensor[]
  readonly batches: readonly (readonly Tensor.Tensor[])[]
}

const NAMES = ['rita', 'alice', 'mallory'] as const
type Name = (typeof NAMES)[number]
const FUNDS = 10n ** 18n
const PAYMENT = 10n ** 16n
const DAY = 86_400

async function onChain({ digits, alice, steps, first, batches }: Stage): Promise<void> {
  title('5. A chain, and a contract for each of the two keys')
  const own = await startNode()
  const node = await nodeAt(own.url)
  try {
    const signers = Object.fromEntries(NAMES.map((name) => [name, Signer.fromRandom()])) as Record<
      Name,
      Signer.AccountSigner
    >
    const ledger = new Ledger(node, new Map(NAMES.map((name) => [signers[name].address, name])), 1)
    const [bank] = await node.listAccounts()
    for (const name of NAMES) {
      const { hash } = await bank.sendTransaction({ to: signers[name].address, value: FUNDS })
      while ((await node.getTransactionReceipt(hash)) === null) await sleep(20)
    }
    const caller = accountOn(signers.rita, node)
    const onProgress = (one: Deployment.Deployed) => ledger.made(one)
    const deployment = await Deployment.deploy(caller, codeOf, { referees: [], onProgress })
    ledger.know(deployment)
    const as = (name: Name) => connect(deployment, accountOn(signers[name], node), { poll: 50 })
    const connections = { rita: await as('rita'), alice: await as('alice'), mallory: await as('mallory') }
    const scene: Scene = { connections, ledger, addressOf: (name) => signers[name].address, requester: signers.rita }
    await act(scene, { digits, alice, steps, first, batches })
    await settled(scene, (name) => node.getBalance(signers[name].address))
  } finally {
    node.destroy()
    await own.stop()
  }
}

interface Scene {
  readonly connections: Record<Name, Connection>
  readonly ledger: Ledger
  readonly requester: Signer.AccountSigner
  addressOf(name: Name): Signer.AccountSigner['address']
}

/** A circuit whose proofs a contract checks. */
interface Paid {
  readonly kit: Kit
  readonly verifier: Terms.Terms['verifier']
}

async function act(scene: Scene, { digits, alice, steps, first, batches }: Stage): Promise<void> {
  const [readers, trainers] = [await paidBy(scene, digits), await paidBy(scene, steps)]
  await scene.ledger.tell()

  title('6. Rita pays for the digit behind a root that Alice named')
  const asked = await order(scene, readers, alice)
  const { proof, outputs } = await proven(digits, alice, contextFor(scene, asked, 'alice'))
  await paid(scene, readers, { posted: asked, proof, output: outputs[0] })

  title('7. Two steps of a training run, each paid for its proof')
  let state = first
  let before: bigint | undefined
  for (const inputs of batches) {
    const work: Work = { state, inputs }
    const posted = await order(scene, trainers, work)
    const { statement } = namesOf(steps.circuit, work)
    if (before !== undefined) must(statement === statementOf(posted.job.program, before), 'a chain of steps')
    const run = await proven(steps, work, contextFor(scene, posted, 'alice'))
    await paid(scene, trainers, { posted, proof: run.proof })
    say(`weights with root ${short(run.proof.publics.rootOut)} follow; the next job starts from them and no others`)
    ;[state, before] = [run.stateAfter, run.proof.publics.rootOut]
  }
}

/** Puts the contracts of a key on the chain; who works looks at them first. */
async function paidBy({ connections: { rita, alice }, ledger }: Scene, kit: Kit): Promise<Paid> {
  const verifying = { key: kit.key.verification, form: formOf(kit.circuit) }
  const options = { codeOf, allowUnsafe: true, onProgress: (one: Deployment.Deployed) => ledger.made(one) }
  const { claims } = await Proofs.deployVerifier(rita, verifying, options)
  await Proofs.verifyVerifier(alice, claims, { ...verifying, ...options })
  return { kit, verifier: claims }
}

/** A job that names statement and inputs by their roots, and pays whoever proves it first. */
async function order(
  { connections: { rita }, requester }: Scene,
  { kit, verifier }: Paid,
  work: Work,
): Promise<Jobs.PostedJob> {
  const { circuit } = kit
  const policy = provenPolicy(namesOf(circuit, work))
  const run: Trace.Work = { program: circuit.program, state: work.state, inputs: [work.inputs] }
  const deadline = Number((await headOf(rita)).time) + DAY
  const signed = await Provider.jobFor(run, { requester, policy, deadline, domain: domainOf(rita.deployment) })
  const terms = Terms.from({ payment: PAYMENT, stake: 0n, bond: 0n, replayTime: 600, verifier })
  const posted = { hash: Job.hash(signed.job), job: signed.job, policy, terms }
  await Jobs.post(rita, posted)
  return posted
}

const contextFor = ({ connections: { rita }, addressOf }: Scene, posted: Jobs.PostedJob, name: Name): bigint =>
  Proofs.contextOn(rita, posted, addressOf(name))

/** Mallory copies the proof: naming herself she gets nothing, and whoever sends it, Alice is paid, once. */
async function paid(
  { connections: { mallory }, addressOf, ledger }: Scene,
  { kit }: Paid,
  { posted, proof, output }: { posted: Jobs.PostedJob; proof: Proof; output?: Tensor.Tensor },
): Promise<void> {
  const form = formOf(kit.circuit)
  const claim = (provider: Name) =>
    Proofs.settleByProof(mallory, posted, { form, proof, output, provider: addressOf(provider) })
  say(`mallory copies the proof and names herself: ${await refusal(() => claim('mallory'))}`)
  await claim('alice')
  say(
    `mallory sends it as it is: the contract pays alice ${ether(posted.terms.payment)}; once more: ${await refusal(() => claim('alice'))}`,
  )
  await ledger.tell()
}

async function settled(
  { connections, ledger, addressOf }: Scene,
  balanceOf: (name: Name) => Promise<bigint>,
): Promise<void> {
  title('8. Who has what')
  await Money.withdraw(connections.alice)
  await ledger.tell()
  const expected: Readonly<Record<Name, bigint>> = { rita: -3n * PAYMENT, alice: 3n * PAYMENT, mallory: 0n }
  for (const name of NAMES) {
    const fees = ledger.feesOf(addressOf(name))
    const gained = (await balanceOf(name)) - FUNDS + fees
    say(`${name.padEnd(8)} ${ether(gained)} and ${ether(fees)} of fees`)
    must(gained === expected[name], `what ${name} gained`)
  }
  console.log(
    `\n${pc.green(pc.bold('As it should be.'))} ${ledger.count} transactions, ${seconds(began)}. With these unsafe keys anybody could have`,
  )
  console.log('forged every proof: production takes the powers of tau and the key of a ceremony (docs/proofs.md).')
}

// ---------------------------------------------------------------------------------------------------------------- all of it

// Within one call the threads of the prover start once.
await withThreads(async () => {
  const reader = await quantized()
  title('2. Its circuit, and an unsafe key')
  const { program, state } = reader.quantized
  const digits = await kitOf(program, { baked: state, salted: { inputs: true } })
  say('weights are constants of the circuit, the picture stands behind a salt, the digit is public')
  const step = Quantize.logisticStep({ features: 8, batch: 4 })
  say('and the circuit of a training step, one key for all weights:')
  const steps = await kitOf(step.program, { given: step.given })

  const alice: Work = { state, inputs: inputsOf(reader, 0), salts: { inputs: salt() } }
  await privately(digits, alice, reader)
  await onChain({ digits, alice, steps, first: step.state, batches: batchesOf(reader, step) })
})
