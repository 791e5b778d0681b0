/** Beacons for tests: a network whose key is known, a chain in memory, and the sightings of an honest witness. */
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { concat, uint64, type Bytes32 } from '../../src/core/bytes.js'
import { sha256 } from '../../src/core/sha256.js'
import type { Chain } from '../../src/attest/block.js'
import type { Subject } from '../../src/attest/evidence.js'
import * as RoundBeacon from '../../src/attest/round.js'
import * as Sighting from '../../src/attest/sighting.js'
import type { Signer } from '../../src/receipt/signer.js'
import type { Domain } from '../../src/receipt/typed-data.js'

const { shortSignatures } = bls12_381
const SUITE = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_'

/** A network that one test holds the key of. */
export function networkOf(secret: Bytes32, change: Partial<RoundBeacon.Network> = {}): RoundBeacon.Network {
  const publicKey = shortSignatures.getPublicKey(secret).toBytes()
  return RoundBeacon.network({
    scheme: 'bls-unchained-g1-rfc9380',
    publicKey,
    genesis: 1_700_000_000,
    period: 3,
    ...change,
  })
}

/** The network's signature on a round. */
export function signRound(secret: Bytes32, round: bigint): Uint8Array {
  return shortSignatures.sign(shortSignatures.hash(sha256(uint64(round)), SUITE), secret).toBytes()
}

/** The sighting of a subject by a witness. */
export function sightingBy(
  witness: Signer,
  subject: Subject,
  { seenAt, domain }: { readonly seenAt: bigint | number; readonly domain?: Domain },
): Promise<Sighting.SignedSighting> {
  const sighting = Sighting.from({ ...subject, witness: witness.address, seenAt })
  return Sighting.sign(sighting, witness, domain ? { domain } : {})
}

/** The beacon that an honest network gives for a sighting. */
export function roundBeacon(
  on: RoundBeacon.Network,
  secret: Bytes32,
  sighting: Sighting.SignedSighting,
): RoundBeacon.RoundBeacon {
  return RoundBeacon.from(on, sighting, signRound(secret, RoundBeacon.roundOf(on, sighting.sighting.seenAt)))
}

/** The hash of a block of the chain in memory. */
export const blockHash = (number: bigint): Bytes32 => sha256(concat(Uint8Array.of(0xb1), uint64(number)))

/** A chain up to a block, twelve seconds a block, which holds one claim. */
export function chainWith(held: Subject, options: { readonly at: bigint; readonly head: bigint }): Chain {
  const same = ({ job, claim, provider }: Subject): boolean =>
    provider === held.provider && `${job}` === `${held.job}` && `${claim}` === `${held.claim}`
  return {
    chainId: 1n,
    holds: async (subject) => (same(subject) ? { number: options.at } : undefined),
    block: async (number) =>
      number > options.head ? undefined : { hash: blockHash(number), timestamp: 1_700_000_000n + 12n * number },
  }
}
