/**
 * Receipts: size of receipt.json, time to sign and to check, one signature and whole statements.
 * Run: npm run bench -- receipts [--json]
 */
import { Attestation, Quorum } from '../src/attest/index.js'
import { sha256 } from '../src/core/sha256.js'
import { utf8 } from '../src/core/bytes.js'
import { Claim, Job, Metadata, Policy, Receipt, Seal, Signature, Signer, TypedData } from '../src/receipt/index.js'
import { alternate, median, print } from './measure.js'

const root = (name: string): Uint8Array => sha256(utf8(name))
const signerOf = (name: string): Signer.AccountSigner => Signer.fromKey(root(name))
const requester = signerOf('requester')

const metadata = Metadata.from({
  compiler: 'countersign 0.1.0',
  model: root('model'),
  processor: 'AMD EPYC 9654 96-Core Processor',
  runtime: 'ort-node',
  versions: 'onnxruntime-node 1.30.0, node 20.20.0, linux x64',
})

interface Round {
  readonly receipt: Receipt.SignedReceipt
  readonly attestation: Attestation.Attestation
}

/** A quorum of n replicas, all of which agree. */
async function roundOf(n: number): Promise<Round> {
  const replicas = Array.from({ length: n }, (_, i) => signerOf(`replica ${i}`))
  const names = replicas.map(({ address }) => address)
  const policy = Policy.quorum(`${Math.floor((2 * n) / 3) + 1}/${n}`, { replicas: names, window: 3600 })
  const job = await Job.sign(jobUnder(policy), requester, { policy })
  const claim = Claim.from({
    job: Job.hash(job.job),
    outputs: root('outputs'),
    finalState: root('state'),
    run: root('run'),
  })
  const sealings = await Promise.all(replicas.map((signer) => Seal.sign(claim, signer)))
  let quorum = await Quorum.open(job)
  for (const { signed } of sealings) quorum = await Quorum.seal(quorum, signed, { at: 0 })
  const sealSet = Quorum.sealSet(quorum)
  for (const [i, signer] of replicas.entries()) {
    const options = { job, metadata, issuedAt: 1_800_000_000, sealed: { sealSet, salt: sealings[i].salt } }
    quorum = await Quorum.reveal(quorum, await Receipt.sign(claim, signer, options), { at: 0 })
  }
  return { receipt: quorum.receipts[0], attestation: Attestation.from(quorum, 0) }
}

function jobUnder(policy: Policy.Policy): Job.Job {
  return Job.from({
    program: root('program'),
    initialState: root('state'),
    inputs: root('inputs'),
    steps: 1,
    commitEvery: 1,
    operatorTrace: false,
    policy: Policy.hash(policy),
    requester: requester.address,
    deadline: 1_900_000_000,
    salt: root('salt'),
  })
}

/** A requested receipt that no quorum asked for. */
async function plainReceipt(): Promise<Receipt.SignedReceipt> {
  const policy = Policy.claimed()
  const job = await Job.sign(jobUnder(policy), requester, { policy })
  const claim = Claim.from({
    job: Job.hash(job.job),
    outputs: root('outputs'),
    finalState: root('state'),
    run: root('run'),
  })
  return Receipt.sign(claim, signerOf('provider'), { job, metadata, issuedAt: 1_800_000_000 })
}

function report(name: string, metric: string, figure: { value: number; unit: string }): void {
  print({ bench: 'receipts', case: name, metric, ...figure })
}

const plain = await plainReceipt()
const three = await roundOf(3)
const twentyOne = await roundOf(21)
const receiptBytes = Receipt.encode(three.receipt)
const attestationBytes = Attestation.encode(twentyOne.attestation)

report('receipt', 'size', { value: Receipt.encode(plain).length, unit: 'B' })
report('receipt-sealed-2/3', 'size', { value: receiptBytes.length, unit: 'B' })
report('attestation-2/3', 'size', { value: Attestation.encode(three.attestation).length, unit: 'B' })
report('attestation-15/21', 'size', { value: attestationBytes.length, unit: 'B' })

const { receipt, domain, signature } = three.receipt
const digest = TypedData.digest(domain, Receipt.receiptStruct, receipt)
const signed = { digest, signature, signer: receipt.provider, domain }
const signer = signerOf('replica 0')
const times = await alternate(
  { rounds: 15, repeat: 4 },
  {
    'signature check': () => Signature.verify(signed),
    'signature made and checked': () =>
      Signer.sign(signer, { struct: Receipt.receiptStruct, value: { ...receipt, provider: signer.address }, domain }),
    'typed data digest': () => TypedData.digest(domain, Receipt.receiptStruct, receipt),
    'receipt read and verified': () => Receipt.verify(Receipt.decode(receiptBytes)),
    'receipt read, signatures unseen': () => Receipt.verifyBindings(Receipt.decode(receiptBytes)),
    'attestation 15/21 read and verified': () => Attestation.verify(Attestation.decode(attestationBytes)),
  },
)
for (const [name, values] of Object.entries(times)) report(name, 'time', { value: median(values), unit: 'ms' })
