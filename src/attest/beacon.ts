/**
 * Beacons: randomness with evidence, by somebody else than the provider, that it came after the claim. A kind of beacon is a file and a row
 * here.
 * @module
 */
import type { Bytes32 } from '../core/bytes.js'
import { Fault, demand } from '../core/faults.js'
import type { Json } from '../core/json.js'
import { sha256 } from '../core/sha256.js'
import type { Field, Input } from '../receipt/fields.js'
import { format } from '../receipt/typed-data.js'
import { kind as block, type BlockBeacon, type BlockOptions } from './block.js'
import { subjectOf, type BeaconKind, type Evidence, type Subject } from './evidence.js'
import { kind as nonce, type NonceBeacon, type NonceOptions } from './nonce.js'
import { kind as round, type RoundBeacon, type RoundOptions } from './round.js'

export { about, type BeaconKind, type Evidence, type Subject } from './evidence.js'

/** Randomness with evidence of when it came. */
export type Beacon = BlockBeacon | RoundBeacon | NonceBeacon

/** What a verifier relies on: witnesses and networks for rounds, a chain for blocks, its own account for nonces. */
export type BeaconOptions = BlockOptions & RoundOptions & NonceOptions

/** A name in the table of kinds. */
export type Kind = Beacon['kind']

const KINDS: { readonly [K in Kind]: BeaconKind<Extract<Beacon, { kind: K }>, BeaconOptions> } = { block, round, nonce }

/** The names of the kinds. */
export const kinds: readonly Kind[] = Object.freeze(Object.keys(KINDS) as Kind[])

/** The row of a beacon. Which kind it is says the beacon itself, so that the row fits it. */
function rowOf(value: unknown, where: string): BeaconKind<Beacon, BeaconOptions> {
  const tagged = typeof value === 'object' && value !== null && Object.hasOwn(value, 'kind')
  const found = tagged ? (value as { readonly kind: unknown }).kind : undefined
  const known = typeof found === 'string' && Object.hasOwn(KINDS, found)
  demand(known, 'core/bad-field', () => 'not a kind of beacon', {
    where: `${where}.kind`,
    expected: kinds.join(' or '),
  })
  return KINDS[found as Kind] as unknown as BeaconKind<Beacon, BeaconOptions>
}

/** A beacon inside other files: its kind, and the fields of that kind. */
export const field: Field<Beacon> = {
  from: (value, where) => rowOf(value, where).field.from(value, where),
  fromJson: (json: Json, where) => rowOf(json, where).field.fromJson(json, where),
  toJson: (beacon) => rowOf(beacon, 'beacon').field.toJson(beacon),
  toTyped() {
    throw new Fault('core/bad-field', 'a beacon stands in typed data by its hash alone', { where: 'beacon' })
  },
}

const beaconFormat = format('beacon', field, 1 << 14)

/** A beacon, checked and frozen. @throws Fault `core/bad-field`, `attest/self-witnessed`, and those of fields. */
export const from = beaconFormat.from as (beacon: Input<Beacon>) => Beacon

/** Canonical JSON of a beacon. */
export const encode: (beacon: Beacon) => Uint8Array = beaconFormat.encode

/** A beacon from its canonical JSON; nothing in it is checked yet but its form. @throws Fault, by the name of what is wrong. */
export const decode: (bytes: Uint8Array) => Beacon = beaconFormat.decode

/** SHA-256 of the canonical JSON. */
export function hash(beacon: Beacon): Bytes32 {
  return sha256(encode(beacon))
}

/**
 * What a beacon shows about a claim, after it was found to have come later than the claim, by a rule that left nobody a choice.
 * @throws Fault `attest/wrong-beacon`, `attest/self-witnessed`, `attest/beacon-not-later`, `attest/chosen-round`, `attest/bad-beacon`,
 * `attest/unknown-witness`, `attest/unknown-network`, `attest/no-chain`, `attest/not-committed`, `attest/pending-beacon`,
 * `receipt/wrong-domain`, and those of signatures.
 * @remarks Trust: those in `by` of the result, and what the options name. A nonce throws nothing where it is another verifier's: look at
 * `convinces` and `trusted`.
 */
export async function verify(beacon: Beacon, subject: Input<Subject>, options: BeaconOptions = {}): Promise<Evidence> {
  return rowOf(beacon, 'beacon').verify(beacon, subjectOf(subject), options)
}
