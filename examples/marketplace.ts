/** A marketplace in one page: a requester asks, three strangers run the model, two must agree, and the requester pays. */
import { Attestation, Bytes, Claim, Policy, Program, Provider, Quorum, Signer } from 'countersign'
import { readModel } from 'countersign/disk'
import { ortWeb } from 'countersign/runtime/ort-web'
import { DIGITS, MODEL, best } from './digits.js'

// The requester compiles the model for its input and states the job: two of these three providers must agree.
const { model, bytes } = await readModel(MODEL)
const { pixels } = DIGITS[3]
const { program, state } = Program.compile(model, { inputs: { pixels } })
const work = { program, state, inputs: [[pixels]] }
const providers = [Signer.fromRandom(), Signer.fromRandom(), Signer.fromRandom()]
const now = Math.floor(Date.now() / 1000)
const policy = Policy.quorum('2/3', { replicas: providers.map(({ address }) => address), window: 60 })
const job = await Provider.jobFor(work, { policy, requester: Signer.fromRandom(), deadline: now + 60 })

// Every provider runs it on its own machine and publishes a seal: a promise of its result that shows nothing of it.
const runs = []
for (const signer of providers)
  runs.push(await Provider.provide(work, { job, signer, runtime: ortWeb(), model: bytes }))
let quorum = await Quorum.open(job)
for (const { seal } of runs) quorum = await Quorum.seal(quorum, seal, { at: now })

// When all seals are in, the results are revealed and counted.
for (const run of runs) {
  const { receipt } = await run.reveal({ seals: quorum.seals })
  quorum = await Quorum.reveal(quorum, receipt, { at: now })
}
const attestation = Attestation.encode(Attestation.from(quorum, now))

// Anybody can check the attestation later: the requester, a contract's keeper, a court.
const { claim, agreed, replicas } = await Attestation.verify(Attestation.decode(attestation), { job: job.job })
console.log(`claim ${Bytes.toHex(Claim.hash(claim)).slice(0, 16)}: ${agreed} of ${replicas} providers agree`)
console.log(`the answer is ${best(runs[0].trace.outputs[0])}; the attestation has ${attestation.length} bytes`)
