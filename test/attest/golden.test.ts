import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as Attestation from '../../src/attest/attestation.js'
import { toHex } from '../../src/core/bytes.js'
import { domain, formatOf } from '../../src/receipt/typed-data.js'
import { Claim, Equivocation, Job, Metadata, Policy, Receipt, Refusal, Seal, Verdict } from '../../src/receipt/index.js'

const read = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../vectors/golden/${name}.json`, import.meta.url)))
const where = { domain: domain(31_337, '0x00000000000000000000000000000000000000ff') }

/** Each format's reader and writer. */
const FORMATS = {
  policy: Policy,
  claim: Claim,
  metadata: Metadata,
  refusal: Refusal,
  job: Job,
  seal: Seal,
  receipt: Receipt,
  verdict: Verdict,
  quorum: Attestation,
  equivocation: Equivocation,
} as unknown as Record<string, { decode(bytes: Uint8Array): object; encode(value: object): Uint8Array }>

test.each(Object.keys(FORMATS))('the %s file of version 1 is read, and written again byte for byte', (name) => {
  const bytes = read(name)
  expect(formatOf(bytes)).toBe(name)
  expect(toHex(FORMATS[name].encode(FORMATS[name].decode(bytes)))).toBe(toHex(bytes))
})

test('the statements of version 1 still verify', async () => {
  const job = Job.decode(read('job'))
  const receipt = Receipt.decode(read('receipt'))
  const seal = Seal.decode(read('seal'))
  await Job.verify(job, { ...where, requested: true })
  await Receipt.verify(receipt, { ...where, job: job.job, requested: true })
  await Seal.verify(seal, { ...where, job: Job.hash(job.job) })
  expect(Receipt.openSeal(receipt, seal.seal)).toBe(receipt)
  expect(receipt.refusal).toEqual(Refusal.decode(read('refusal')))
  expect(Claim.same(receipt.receipt.claim, Claim.decode(read('claim')))).toBe(true)
  await Verdict.verify(Verdict.decode(read('verdict')), where)
  expect((await Equivocation.verify(Equivocation.decode(read('equivocation')), where)).provider).toBe(
    receipt.receipt.provider,
  )
  const found = await Attestation.verify(Attestation.decode(read('quorum')), { ...where, job: job.job })
  expect(found).toMatchObject({ agreed: 2, replicas: 3, threshold: 2, requested: true, unopened: [] })
  expect(found.dissents.map(({ provider }) => provider)).toHaveLength(1)
  expect(Metadata.decode(read('metadata')).runtime).toBe('reference')
  expect(Policy.same(Policy.decode(read('policy')), job.policy)).toBe(true)
})
