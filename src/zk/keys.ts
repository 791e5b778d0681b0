/**
 * Keys: set-up, contributions, development keys, and the check of keys that others made.
 * @module
 */
import { equal, toHex, utf8 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { sha256, sha256Of } from '../core/sha256.js'
import { loggerFor, withCurve, written, type Progress } from './curve.js'
import { checkPowers, decodePowers, demandHash, isUnsafePowers, unsafePowers, type Powers } from './powers.js'
import { unsafeFirstKey } from './unsafe-setup.js'
import { decodeSystem, type Combination, type Constraint, type System } from './r1cs.js'
import { demandPoints, encodeSections, marked, section, unmarkedSections } from './sections.js'
import { demandSound, PUBLICS, type Allowance, type Scheme, type VerificationKey } from './verification-key.js'
import { decodeZkey } from './zkey.js'

export {
  decodeVerificationKey,
  demandSound,
  encodeVerificationKey,
  type Allowance,
  type Groth16Key,
  type PlonkKey,
  type Scheme,
  type SetUp,
  type VerificationKey,
} from './verification-key.js'

/** What proofs are made with: the file as snarkjs reads it, and the key that verifies them. */
export interface ProvingKey {
  readonly verification: VerificationKey
  readonly zkey: Uint8Array
}

/** How a key is made. */
export interface SetUpOptions {
  /** By default Groth16. */
  readonly scheme?: Scheme
  /** Hears one line after another of long work. */
  readonly progress?: Progress
}

/**
 * A proving key as it stands in a file, for proving. What it proves with it is refused by verifiers if it is another circuit's; whoever
 * verifies takes the verification key from {@link checkKey}, or from somebody who did.
 * @throws Fault `zk/bad-file`, `zk/wrong-key`, `zk/not-on-curve`, `zk/not-in-field`.
 */
export function provingKeyOf(zkey: Uint8Array): ProvingKey {
  return Object.freeze({ verification: decodeZkey(zkey).verification, zkey })
}

/** The least power whose domain holds so many rows. */
const powerFor = (rows: number): number => Math.max(1, 32 - Math.clz32(rows - 1))

/** Wires of a combination, the constant 1 left out. */
const wiresOf = ({ wires }: Combination): number[] => [...wires].filter((wire) => wire > 0)

/** Gates of PLONK for one constraint: two wires are added in a gate of their own until three are left, of a product one each. */
function gatesFor({ a, b, c }: Constraint): number {
  const [left, right, result] = [a, b, c].map(wiresOf)
  if (left.length > 0 && right.length > 0)
    return 1 + [left, right, result].reduce((sum, wires) => sum + Math.max(0, wires.length - 1), 0)
  const terms = a.wires.length === 0 || b.wires.length === 0 ? result : [...left, ...right, ...result]
  return 1 + Math.max(0, new Set(terms).size - 3)
}

/**
 * The constraint system of a circuit of ours. Its file holds 8 bytes for each wire (their labels), so that no header makes anybody
 * reserve memory that the file does not pay for.
 * @throws Fault `zk/bad-r1cs`, `zk/wrong-key` for another number of public inputs.
 */
function systemOf(r1cs: Uint8Array): System {
  const system = decodeSystem(r1cs)
  const found = system.publicInputs + system.publicOutputs
  demand(found === PUBLICS, 'zk/wrong-key', () => 'a circuit of another number of public inputs', {
    expected: PUBLICS,
    found,
  })
  const fits = system.wires <= r1cs.length / 8 && system.wires > PUBLICS + system.privateInputs
  demand(fits, 'zk/bad-r1cs', () => 'more wires than the file has labels for, or fewer than inputs')
  return system
}

/** The rows that a scheme makes of a constraint system. */
function rowsOf({ constraints }: System, scheme: Scheme): number {
  if (scheme === 'groth16') return constraints.length + PUBLICS + 1
  return Math.max(
    8,
    constraints.reduce((sum, constraint) => sum + gatesFor(constraint), PUBLICS),
  )
}

/** The least power of tau that set-up takes for a constraint system. @throws Fault `zk/bad-r1cs`, `zk/wrong-key`. */
export const powerOf = (r1cs: Uint8Array, scheme: Scheme = 'groth16'): number =>
  powerFor(rowsOf(systemOf(r1cs), scheme))

function demandRoom(r1cs: Uint8Array, powers: Powers, scheme: Scheme): void {
  const needed = powerOf(r1cs, scheme)
  demand(needed <= powers.power, 'zk/powers-too-small', () => 'the circuit is larger than the powers of tau', {
    expected: `2^${needed}`,
    found: `2^${powers.power}`,
  })
}

/**
 * The first key of a circuit. A Groth16 key has no contribution yet, and anybody can forge proofs with it: `contribute` comes next.
 * A PLONK key is ready. Deterministic.
 * Cost: Groth16 8 s for 10,000 sparse constraints (2 cores), several times as much for dense ones: it grows with the coefficients.
 * @throws Fault `zk/powers-too-small` before any heavy work, `zk/bad-file`, `zk/bad-r1cs`, `zk/no-prover`, `zk/prover-failed`.
 */
export async function setUp(
  r1cs: Uint8Array,
  powers: Uint8Array,
  { scheme = 'groth16', progress }: SetUpOptions = {},
): Promise<Uint8Array> {
  demandRoom(r1cs, decodePowers(powers), scheme)
  const logger = loggerFor(progress)
  return withCurve((snarkjs) =>
    written(async (file) => {
      const { plonk, zKey } = snarkjs
      const result = await (scheme === 'plonk'
        ? plonk.setup(r1cs, powers, file, logger)
        : zKey.newZKey(r1cs, powers, file, logger))
      demand(result !== -1, 'zk/powers-too-small', () => 'more gates than the powers of tau hold')
    }),
  )
}

/** A contribution. */
export interface ContributeOptions {
  /** Stands in the key: up to 64 characters. */
  readonly name: string
  /** Mixed with the randomness of the machine, and forgotten. */
  readonly entropy: string
  readonly progress?: Progress
}

/**
 * The key with one more secret in it. As long as one contributor forgot theirs, nobody forges proofs.
 * @throws Fault `zk/bad-file`, `zk/wrong-key` for PLONK, which has no contributions.
 */
export async function contribute(
  zkey: Uint8Array,
  { name, entropy, progress }: ContributeOptions,
): Promise<Uint8Array> {
  const { verification } = decodeZkey(zkey)
  demand(verification.scheme === 'groth16', 'zk/wrong-key', () => 'PLONK keys have no contributions')
  const made = await withCurve(({ zKey }) =>
    written((file) => zKey.contribute(zkey, file, name, entropy || name, loggerFor(progress))),
  )
  return verification.setUp === 'unsafe' ? marked(made, 'zkey') : made
}

/**
 * The beacon of a development key: public, so it adds no secret, only that gamma differs from delta. It is another one for every
 * circuit: with one delta for all of them, circuits that differ only between private wires would share a verification key.
 */
const beaconOf = (r1cs: Uint8Array): string =>
  toHex(sha256Of(utf8('countersign unsafe development contribution 1'), sha256(r1cs)))
const BEACON_ROUNDS = 10

/** What development keys are made from. */
export interface UnsafeOptions extends SetUpOptions {
  /** Development powers that stand ready: PLONK reads them, and by default they are made. Groth16 needs none: its secrets are known. */
  readonly powers?: Uint8Array
}

/**
 * A development key: the same bytes always, and anybody can forge proofs with it. It says unsafe wherever it is shown.
 * Cost: Groth16 6 s for 10,000 constraints, dense or not (2 cores); PLONK the powers (10 s for 2^14), then as setUp.
 * @throws Fault `zk/wrong-key` where the powers are no development powers, and as {@link setUp}.
 */
export async function unsafeKey(r1cs: Uint8Array, options: UnsafeOptions = {}): Promise<ProvingKey> {
  const { scheme = 'groth16', powers, progress } = options
  if (powers !== undefined) demandDevelopment(r1cs, decodePowers(powers), scheme)
  if (scheme === 'groth16') return unsafeGroth16(r1cs, progress)
  const used = powers ?? (await unsafePowers(powerOf(r1cs, scheme), { progress }))
  return provingKeyOf(marked(await setUp(r1cs, used, { scheme, progress }), 'zkey'))
}

function demandDevelopment(r1cs: Uint8Array, powers: Powers, scheme: Scheme): void {
  demandRoom(r1cs, powers, scheme)
  demand(isUnsafePowers(powers), 'zk/wrong-key', () => 'powers of a ceremony, from which no unsafe key is made')
}

async function unsafeGroth16(r1cs: Uint8Array, progress?: Progress): Promise<ProvingKey> {
  progress?.('unsafe development key: set-up from known secrets')
  const first = await unsafeFirstKey(systemOf(r1cs), powerOf(r1cs))
  const made = await withCurve(({ zKey }) =>
    written((file) => zKey.beacon(first, file, 'unsafe', beaconOf(r1cs), BEACON_ROUNDS, loggerFor(progress))),
  )
  return provingKeyOf(marked(made, 'zkey'))
}

/** SHA-256 of whole files, as 64 hexadecimal digits. */
export interface Pins {
  readonly zkey?: string
  readonly powers?: string
  readonly r1cs?: string
}

/** What a key is checked against. */
export interface CheckOptions extends Allowance {
  /** The constraint system that the key must be of: compile the circuit again. */
  readonly r1cs: Uint8Array
  readonly powers: Uint8Array
  readonly pins?: Pins
  readonly progress?: Progress
}

/**
 * Checks a key that others made: it is of this circuit and these powers of tau, every contribution follows from the one before, at
 * least one of them is a secret, and the files are the pinned ones. Powers of tau without a pin are checked too ({@link checkPowers}),
 * which takes long: pin them. What no check can show: that a contributor forgot the secret. A wrong point among those that only provers
 * use passes with chance 2^-32.
 * Cost: that of set-up, and about half as much again.
 * @throws Fault `zk/wrong-hash`, `zk/powers-too-small`, `zk/forgeable-key`, `zk/no-contribution`, `zk/unsafe-key`, all before any
 * heavy work; `zk/wrong-key` where anything differs; `zk/bad-file`, `zk/bad-r1cs`, `zk/not-on-curve`, `zk/not-in-field`.
 */
export async function checkKey(zkey: Uint8Array, options: CheckOptions): Promise<ProvingKey> {
  const { r1cs, powers, pins = {}, allowUnsafe, progress } = options
  demandPins({ zkey, powers, r1cs }, pins)
  const { verification, contributions } = decodeZkey(zkey)
  demandRoom(r1cs, decodePowers(powers), verification.scheme)
  demandSound(verification, { allowUnsafe })
  const secret = verification.scheme === 'plonk' || contributions.some(({ beacon }) => !beacon)
  const counts = secret || verification.setUp === 'unsafe'
  demand(counts, 'zk/no-contribution', () => 'beacons alone, whose secrets are public')
  const checked = await checkPowers(powers, { pin: pins.powers, allowUnsafe, progress })
  const { scheme } = verification
  const known = scheme === 'groth16' && isUnsafePowers(checked)
  const first = known
    ? await unsafeFirstKey(systemOf(r1cs), powerOf(r1cs))
    : await setUp(r1cs, powers, { scheme, progress })
  if (scheme === 'plonk') demandSameFile(first, zkey)
  else await demandFollows({ first, powers, zkey }, progress)
  return provingKeyOf(zkey)
}

function demandPins(files: Readonly<Record<keyof Pins, Uint8Array>>, pins: Pins): void {
  for (const name of ['zkey', 'powers', 'r1cs'] as const)
    if (pins[name] !== undefined) demandHash(files[name], pins[name], name)
}

const withoutMark = (zkey: Uint8Array): Uint8Array => encodeSections('zkey', unmarkedSections(zkey, 'zkey'))

function demandSameFile(first: Uint8Array, zkey: Uint8Array): void {
  demand(equal(withoutMark(zkey), withoutMark(first)), 'zk/wrong-key', () => 'not the key of this circuit and powers')
}

interface Files {
  readonly first: Uint8Array
  readonly powers: Uint8Array
  readonly zkey: Uint8Array
}

/** What contributions leave alone is the same; what they change follows from them. */
async function demandFollows({ first, powers, zkey }: Files, progress?: Progress): Promise<void> {
  const [before, after] = [decodeZkey(first), decodeZkey(zkey)]
  for (const id of [3, 4, 5, 6, 7]) {
    const same = equal(section(before.sections, id), section(after.sections, id))
    demand(same, 'zk/wrong-key', () => `section ${id} is of another circuit`)
  }
  for (const id of [8, 9]) demandPoints(section(after.sections, id), `section ${id}`)
  const lines: string[] = []
  const logger = loggerFor((line) => (lines.push(line), progress?.(line)))
  const follows = await withCurve(({ zKey }) => zKey.verifyFromInit(first, powers, withoutMark(zkey), logger))
  const refusal = (): string => lines.findLast((line) => line.includes('INVALID')) ?? 'the contributions do not follow'
  demand(follows === true, 'zk/wrong-key', refusal)
}
