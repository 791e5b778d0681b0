/** What damaged statements may be refused with: form, binding or signature, by name; never a crash, never silence. */
import * as Attestation from '../../src/attest/attestation.js'
import type { FaultCode } from '../../src/core/faults.js'

export const NAMED: readonly FaultCode[] = [
  'core/bad-json',
  'core/duplicate-key',
  'core/unknown-field',
  'core/missing-field',
  'core/bad-field',
  'core/bad-number',
  'core/too-large',
  'core/unknown-version',
  'receipt/bad-policy',
  'receipt/wrong-policy',
  'receipt/wrong-job',
  'receipt/wrong-metadata',
  'receipt/wrong-seal',
  'receipt/wrong-seal-set',
  'receipt/bad-signature',
  'receipt/malformed-signature',
  'attest/not-a-replica',
  'attest/not-sealed',
  'attest/bad-order',
  'attest/duplicate-signer',
  'attest/no-agreement',
  'attest/no-replicas',
]

/** Reads and verifies an attestation. */
export async function verifying(bytes: Uint8Array): Promise<Attestation.Agreement> {
  return Attestation.verify(Attestation.decode(bytes))
}
