import { expect, test } from 'vitest'
import * as Attestation from '../../src/attest/attestation.js'
import * as Policy from '../../src/receipt/policy.js'
import * as Receipt from '../../src/receipt/receipt.js'
import { NAMED, verifying } from '../attest/corruption.js'
import { REVEALING, round } from '../attest/rounds.js'
import { addressOf, alice, bob, carol, codeOf, flip, sealedReceiptBy, signedJob } from '../receipt/samples.js'

test('D10 each flipped bit of an attestation is refused by name', { timeout: 1_800_000 }, async () => {
  const bytes = Attestation.encode(Attestation.from(await round('2/3', [7, 7, 8]), REVEALING))
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    expect(NAMED, `bit ${bit}`).toContain(await codeOf(() => verifying(flip(bytes, bit))))
  }
})

test('D10 each flipped bit of a sealed, requested receipt is refused by name', { timeout: 600_000 }, async () => {
  const policy = Policy.quorum('2/3', { replicas: [alice, bob, carol].map(addressOf), window: 3600 })
  const bytes = Receipt.encode(await sealedReceiptBy(alice, await signedJob(policy)))
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const code = await codeOf(async () => Receipt.verify(Receipt.decode(flip(bytes, bit))))
    expect(NAMED, `bit ${bit}`).toContain(code)
  }
})
