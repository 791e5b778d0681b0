/**
 * Verification keys: the points that a proof is checked with, where they come from, and what must never be accepted.
 * @module
 */
import { concat, utf8, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { keccak256 } from '../core/keccak.js'
import * as fields from '../receipt/fields.js'
import { format, formatOf, type Format } from '../receipt/typed-data.js'
import { g1, g2, isZero, samePoint, wordsToBytes, type G1, type G2 } from './points.js'
import { element } from './field.js'

/** Groth16: 256 bytes, a set-up of its own for every circuit. PLONK: 768 bytes, no set-up beside the powers of tau. */
export type Scheme = 'groth16' | 'plonk'

/** Where a key comes from: `unsafe` from the development powers, whose secrets are public; `ceremony` from others. */
export type SetUp = 'unsafe' | 'ceremony'

/** Public inputs of every circuit here: statement, rootIn, rootOut, context. */
export const PUBLICS = 4

/** The points of a Groth16 key. Source: Groth, "On the Size of Pairing-Based Non-interactive Arguments" (2016), section 3.2. */
export interface Groth16Points {
  readonly alpha: G1
  readonly beta: G2
  readonly gamma: G2
  readonly delta: G2
  /** Of the constant 1, and of each public input. */
  readonly ic: readonly G1[]
}

/** The points of a PLONK key. Source: Gabizon, Williamson, Ciobotaru, "PLONK" (2019), section 8.1. */
export interface PlonkPoints {
  /** The domain has 2^power elements. */
  readonly power: number
  readonly k1: bigint
  readonly k2: bigint
  readonly qm: G1
  readonly ql: G1
  readonly qr: G1
  readonly qo: G1
  readonly qc: G1
  readonly s1: G1
  readonly s2: G1
  readonly s3: G1
  /** tau G2. */
  readonly x2: G2
}

interface Of<S extends Scheme, Points> {
  readonly scheme: S
  /** What the key says of itself. `demandSound` does not believe it. */
  readonly setUp: SetUp
  /** Secrets that went into the key after the powers of tau, public beacons included; 0 for PLONK. */
  readonly contributions: number
  readonly publics: typeof PUBLICS
  readonly points: Points
  /** Keccak-256 over scheme and points: the key's name, whatever it says of itself. */
  readonly hash: Bytes32
}

/** A Groth16 verification key. */
export type Groth16Key = Of<'groth16', Groth16Points>
/** A PLONK verification key. */
export type PlonkKey = Of<'plonk', PlonkPoints>
/** A verification key. */
export type VerificationKey = Groth16Key | PlonkKey

/**
 * Points of the development powers of tau (`SECRETS` in src/zk/powers.ts): tau G2, alpha G1, beta G2. A key that holds one of them
 * is unsafe, whatever it says of itself.
 */
export const DEVELOPMENT: { readonly tau: G2; readonly alpha: G1; readonly beta: G2 } = Object.freeze({
  tau: [
    18839406304911589923670405005539329331144720005474865646546432551748395307827n,
    1290511752363660137097088652292253799935631012308133142617936994018182958934n,
    11412482066416672880385777036203273896743963306967324573643884607731271833436n,
    1377726098866662950054548583708818441795744663113211896883591184105435127667n,
  ],
  alpha: [
    17854952387543833211201850665395319734535778624613164880108670733386565148407n,
    20871154312303202996287279857224160496165322453625160172904997282202152299313n,
  ],
  beta: [
    12262536505674936602853748821756769348552233146738024708860449894511637525532n,
    6068166174874450429982828077070519560155005082216510160877309266487195642865n,
    20342991772412241460399792897684727552594083030720608719267931668338381828091n,
    4697022871538053471439917089613394961816494264780685196100109626720295964469n,
  ],
})

/** True where the key was made from the development powers: its points say it. */
export function isDevelopment(key: Pick<VerificationKey, 'scheme' | 'points'>): boolean {
  const { tau, alpha, beta } = DEVELOPMENT
  if (key.scheme === 'plonk') return samePoint((key.points as PlonkPoints).x2, tau)
  const points = key.points as Groth16Points
  return samePoint(points.alpha, alpha) || samePoint(points.beta, beta)
}

/** The words of a key in the order of its interface: 23 (Groth16 with four publics) or 23 (PLONK). */
export function wordsOfKey({ scheme, points }: Pick<VerificationKey, 'scheme' | 'points'>): bigint[] {
  if (scheme === 'plonk') {
    const { power, k1, k2, qm, ql, qr, qo, qc, s1, s2, s3, x2 } = points as PlonkPoints
    return [BigInt(power), k1, k2, ...[qm, ql, qr, qo, qc, s1, s2, s3].flat(), ...x2]
  }
  const { alpha, beta, gamma, delta, ic } = points as Groth16Points
  return [...alpha, ...beta, ...gamma, ...delta, ...ic.flat()]
}

const TAG = utf8('countersign verification key 1')

function hashOf(key: Pick<VerificationKey, 'scheme' | 'points'>): Bytes32 {
  const scheme = Uint8Array.of(key.scheme === 'plonk' ? 2 : 1)
  return keccak256(concat(TAG, scheme, wordsToBytes(wordsOfKey(key))))
}

/** A key with its hash. Points must have been checked. */
export function verificationKey<S extends VerificationKey['scheme']>(
  scheme: S,
  points: Extract<VerificationKey, { scheme: S }>['points'],
  { setUp, contributions }: Pick<VerificationKey, 'setUp' | 'contributions'>,
): VerificationKey {
  const hash = hashOf({ scheme, points } as Pick<VerificationKey, 'scheme' | 'points'>)
  return Object.freeze({ scheme, setUp, contributions, publics: PUBLICS, points, hash }) as VerificationKey
}

/** What a caller allows. */
export interface Allowance {
  /** True where development keys, with which anybody proves anything, are good enough: tests and demonstrations. */
  readonly allowUnsafe?: boolean
}

/**
 * Refuses a key with which anybody proves anything. What cannot be seen in the points alone (whether secrets were destroyed, which
 * circuit it is) is for `checkKey`, or for whoever hands over the key.
 * @throws Fault `zk/forgeable-key` where gamma is delta, `zk/no-contribution`, `zk/unsafe-key` unless it is allowed.
 */
export function demandSound(key: VerificationKey, { allowUnsafe = false }: Allowance = {}): void {
  if (key.scheme === 'groth16') {
    const { gamma, delta } = key.points
    demand(!samePoint(gamma, delta), 'zk/forgeable-key', () => 'gamma is delta: no secret was contributed')
    demand(key.contributions > 0, 'zk/no-contribution', () => 'nobody contributed to this key')
  }
  const unsafe = key.setUp === 'unsafe' || isDevelopment(key)
  demand(allowUnsafe || !unsafe, 'zk/unsafe-key', () => 'an unsafe development key: anybody proves anything with it')
}

const word = fields.bigUint(256)

function tuple<T extends readonly bigint[]>(length: number, check: (words: readonly bigint[]) => T): fields.Field<T> {
  const list = fields.listOf(word, length)
  const whole = (words: readonly bigint[], where: string): T => {
    demand(words.length === length, 'core/bad-field', () => 'another number of coordinates', { where })
    return Object.freeze(check(words))
  }
  return {
    from: (value, where) => whole(list.from(value, where), where),
    fromJson: (json, where) => whole(list.fromJson(json, where), where),
    toJson: (value) => list.toJson(value),
    toTyped: (value) => value,
  }
}

/** A point that must not be infinity: every point of an honest key. */
const proper = <T extends readonly bigint[]>(point: T): T => {
  demand(!isZero(point), 'zk/wrong-key', () => 'a point at infinity')
  return point
}
const point1 = tuple<G1>(2, (words) => proper(g1(words)))
const point1OrZero = tuple<G1>(2, g1) // a selector that no gate uses is the zero polynomial
const point2 = tuple<G2>(4, (words) => proper(g2(words)))
const scalar: fields.Field<bigint> = {
  ...word,
  from: (value, where) => element(word.from(value, where)),
  fromJson: (json, where) => element(word.fromJson(json, where)),
}

/** The points of a Groth16 key as a field: four public inputs, none at infinity. */
export const groth16Points: fields.Field<Groth16Points> = fields.record<Groth16Points>(
  { alpha: point1, beta: point2, gamma: point2, delta: point2, ic: fields.listOf(point1, PUBLICS + 1) },
  ({ ic }) => demand(ic.length === PUBLICS + 1, 'zk/wrong-key', () => 'a key of another number of public inputs'),
)

/** The points of a PLONK key as a field. */
export const plonkPoints: fields.Field<PlonkPoints> = fields.record<PlonkPoints>(
  {
    power: fields.uint(8),
    k1: scalar,
    k2: scalar,
    qm: point1OrZero,
    ql: point1OrZero,
    qr: point1OrZero,
    qo: point1OrZero,
    qc: point1OrZero,
    s1: point1,
    s2: point1,
    s3: point1,
    x2: point2,
  },
  ({ power }) => demand(power >= 1 && power <= 27, 'zk/wrong-key', () => `a domain of 2^${power}`),
)

interface Wire<Points> {
  readonly setUp: SetUp
  readonly contributions: number
  readonly points: Points
}

const wire = <Points>(points: fields.Field<Points>): fields.Field<Wire<Points>> =>
  fields.record<Wire<Points>>({ setUp: fields.oneOf(['unsafe', 'ceremony']), contributions: fields.uint(32), points })

const MOST_BYTES = 1 << 14
const groth16Format: Format<Wire<Groth16Points>> = format('groth16-key', wire(groth16Points), MOST_BYTES)
const plonkFormat: Format<Wire<PlonkPoints>> = format('plonk-key', wire(plonkPoints), MOST_BYTES)

/** Canonical JSON of a verification key, format `groth16-key` or `plonk-key`. An unsafe key says so in `setUp`. */
export function encodeVerificationKey(key: VerificationKey): Uint8Array {
  const { setUp, contributions } = key
  if (key.scheme === 'plonk') return plonkFormat.encode({ setUp, contributions, points: key.points })
  return groth16Format.encode({ setUp, contributions, points: key.points })
}

/**
 * Reads a verification key: every point is on its curve and in its group. Whether it may be trusted is for {@link demandSound}.
 * @throws Fault as {@link format}; `zk/not-on-curve`, `zk/not-in-field`, `zk/wrong-key`.
 */
export function decodeVerificationKey(bytes: Uint8Array): VerificationKey {
  if (formatOf(bytes, MOST_BYTES) === plonkFormat.name) {
    const { points, ...said } = plonkFormat.decode(bytes)
    return verificationKey('plonk', points, said)
  }
  const { points, ...said } = groth16Format.decode(bytes)
  return verificationKey('groth16', points, said)
}
