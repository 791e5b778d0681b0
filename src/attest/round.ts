/**
 * Rounds of a public network that signs the number of each round with a threshold key, at fixed times (drand). Which round counts follows
 * from the time of a sighting by rule; nobody chooses it.
 * @module
 */
import { encodeAbi } from '../core/abi.js'
import { equal, fromHex, toHex, uint64, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { keccak256 } from '../core/keccak.js'
import { sha256 } from '../core/sha256.js'
import * as fields from '../receipt/fields.js'
import type { Field, Input } from '../receipt/fields.js'
import type { BeaconKind, Evidence, Subject } from './evidence.js'
import { signedSightingField, verify as verifySighting, type SightingOptions, type SignedSighting } from './sighting.js'

/** Schemes of signing, in the order of their numbers. */
export const SCHEMES = ['bls-unchained-g1-rfc9380'] as const
/**
 * How a network signs. `bls-unchained-g1-rfc9380`: BLS12-381, key in G2, signature in G1 over SHA-256(round, 8 bytes big-endian), hashed
 * to the curve by RFC 9380.
 */
export type Scheme = (typeof SCHEMES)[number]

/** A network of which a verifier believes that fewer than its threshold of nodes work together. */
export interface Network {
  readonly scheme: Scheme
  /** A compressed point of G2, 96 bytes. */
  readonly publicKey: Uint8Array
  /** Unix seconds of round 1. */
  readonly genesis: bigint
  /** Seconds from one round to the next. */
  readonly period: bigint
  /** Seconds from a sighting to the earliest round that counts: at least a period, and more than the clock of a witness errs. */
  readonly delay: bigint
}

const networkField: Field<Network> = fields.record<Network>(
  {
    scheme: fields.oneOf(SCHEMES),
    publicKey: fields.bytes(96, 96),
    genesis: fields.bigUint(64),
    period: fields.bigUint(64),
    delay: fields.bigUint(64),
  },
  ({ period, delay }, where) => {
    demand(period > 0n && delay >= period, 'core/bad-number', () => 'a delay of at least one period', { where })
  },
)

/** Seconds of delay, unless the network's period is longer. */
export const DELAY = 30n

/** A network, checked and frozen; the delay is 30 seconds or one period, whichever is longer, unless told. @throws Fault, those of fields. */
export function network(given: Omit<Input<Network>, 'delay'> & { readonly delay?: bigint | number }): Network {
  const period = fields.bigUint(64).from(given.period, 'network.period')
  return networkField.from({ delay: period > DELAY ? period : DELAY, ...given }, 'network')
}

/** keccak256(abi.encode(scheme, publicKey, genesis, period, delay)): how a beacon names its network. */
export function hashNetwork({ scheme, publicKey, genesis, period, delay }: Network): Bytes32 {
  const types = ['uint8', 'bytes', 'uint64', 'uint64', 'uint64']
  return keccak256(encodeAbi(types, [SCHEMES.indexOf(scheme), publicKey, genesis, period, delay]))
}

/**
 * The network "quicknet" of the League of Entropy: a round every 3 seconds since 23 August 2023.
 * @see drand-client, lib/defaults.ts, QUICKNET_CHAIN_INFO (chain hash 52db9ba7…)
 */
export const QUICKNET: Network = network({
  scheme: 'bls-unchained-g1-rfc9380',
  publicKey: fromHex(
    '83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451' +
      '0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a',
  ),
  genesis: 1_692_803_367n,
  period: 3n,
})

/** Unix seconds at which a round is signed: genesis + (round - 1) period. @see drand-client, lib/util.ts, roundTime */
export function timeOf({ genesis, period }: Network, round: bigint): bigint {
  return genesis + (round - 1n) * period
}

/** The round that counts for a claim seen at a time: the first that is signed `delay` seconds later, or after that. */
export function roundOf({ genesis, period, delay }: Network, seenAt: bigint): bigint {
  const wait = seenAt + delay - genesis
  return wait <= 0n ? 1n : (wait + period - 1n) / period + 1n
}

/** A round with the sighting from which it follows. */
export interface RoundBeacon {
  readonly kind: 'round'
  /** Hash of the network's description, which the verifier has from elsewhere. */
  readonly network: Bytes32
  readonly sighting: SignedSighting
  readonly round: bigint
  /** The network's, a compressed point of G1. */
  readonly signature: Uint8Array
}

const beaconField: Field<RoundBeacon> = fields.record<RoundBeacon>({
  kind: fields.oneOf(['round']),
  network: fields.bytes32,
  sighting: signedSightingField,
  round: fields.bigUint(64),
  signature: fields.bytes(48, 48),
})

/** The beacon of a sighting: the signature must be that of the round `roundOf(network, seenAt)`. Nothing is checked yet but its form. */
export function from(on: Network, sighting: SignedSighting, signature: Uint8Array): RoundBeacon {
  const round = roundOf(on, sighting.sighting.seenAt)
  return beaconField.from({ kind: 'round', network: hashNetwork(on), sighting, round, signature }, 'beacon')
}

/** What a verifier of rounds relies on. */
export interface RoundOptions extends SightingOptions {
  /** The networks that it trusts. None, if absent. */
  readonly networks?: readonly Network[]
}

/** Rounds, as a kind of beacon. */
export const kind: BeaconKind<RoundBeacon, RoundOptions> = { field: beaconField, verify }

/**
 * What a round shows: that its randomness, SHA-256 of the signature, was not known when the claim was seen.
 * @throws Fault `attest/unknown-network`, those of sightings, `attest/beacon-not-later` for a round signed by the time of the sighting,
 * `attest/chosen-round` for any other than the rule's, `attest/bad-beacon` where the network did not sign it.
 * @remarks 40 ms, most of it two pairings. Trust: the witness, and that fewer than the network's threshold of nodes work together.
 */
export async function verify(beacon: RoundBeacon, subject: Subject, options: RoundOptions = {}): Promise<Evidence> {
  const on = networkOf(beacon, options.networks)
  const { sighting } = await verifySighting(beacon.sighting, subject, options)
  demandRound(beacon, on, sighting.seenAt)
  await demandSigned(beacon, on)
  return Object.freeze({
    kind: 'round',
    randomness: sha256(beacon.signature),
    seenAt: sighting.seenAt,
    notBefore: timeOf(on, beacon.round),
    convinces: 'anybody',
    witness: sighting.witness,
    trusted: true,
    by: `the clock of ${sighting.witness}, and that too few nodes of the network work together to sign early`,
  })
}

function networkOf({ network: name }: RoundBeacon, known: readonly Network[] = []): Network {
  const found = known.find((one) => equal(hashNetwork(one), name))
  const why = known.length === 0 ? 'no network was named as trusted' : 'a network that is not trusted'
  demand(found, 'attest/unknown-network', () => why, { found: toHex(name) })
  return found
}

function demandRound({ round }: RoundBeacon, on: Network, seenAt: bigint): void {
  const expected = roundOf(on, seenAt)
  const later = round > 0n && timeOf(on, round) > seenAt
  const detail = { where: 'beacon.round', expected, found: round }
  demand(later, 'attest/beacon-not-later', () => 'a round that was signed before the claim was seen', detail)
  demand(round === expected, 'attest/chosen-round', () => 'not the round that follows from the sighting', detail)
}

/** @see RFC 9380 section 8.8.1 */
const SUITE = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_'

async function demandSigned({ round, signature }: RoundBeacon, { publicKey }: Network): Promise<void> {
  const { bls12_381: curve } = await import('@noble/curves/bls12-381.js') // 25 ms to load, for this kind alone
  const { hash, verify: holds } = curve.shortSignatures
  const isSound = (): boolean => {
    try {
      return holds(signature, hash(sha256(uint64(round)), SUITE), publicKey)
    } catch {
      return false // not the one encoding of a point, or none of the right subgroup
    }
  }
  demand(isSound(), 'attest/bad-beacon', () => 'not signed by the network', { where: 'beacon.signature', found: round })
}
