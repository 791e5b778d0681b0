/**
 * Compares an elementary function with its oracle on consecutive binary32 numbers.
 * @module
 */
import { ELEMENTARY, type ElementaryName } from '../../src/exact/elementary/index.js'
import { compile, type Kernel } from './compiled.js'
import { DOMAINS, type Domain, type Range } from './domains.js'
import { bitsOf, floatOf, type Bounds } from './oracle.js'
import * as R from './reals.js'

/** An input, the right result, and its distance from the nearest boundary between two roundings, in units in the last place. */
export interface Case {
  readonly input: number
  readonly output: number
  readonly distance: number
}

/** What a check found. */
export interface Findings {
  checked: number
  /** The inputs that were decided with BigInt arithmetic. */
  readonly decided: Case[]
  readonly wrong: Case[]
}

const CHUNK = 1 << 16

/** A check in progress: one function with its buffers. */
interface Session {
  readonly domain: Domain
  readonly kernel: Kernel
  readonly inputs: Float32Array
  readonly outputs: Float64Array
  readonly bounds: Bounds
  readonly findings: Findings
}

/** Opens a check of one function. */
export function sessionOf(name: ElementaryName): Session {
  return {
    domain: DOMAINS[name],
    kernel: compile(ELEMENTARY[name]),
    inputs: new Float32Array(CHUNK),
    outputs: new Float64Array(CHUNK),
    bounds: { values: new Float64Array(CHUNK), errors: new Float64Array(CHUNK) },
    findings: { checked: 0, decided: [], wrong: [] },
  }
}

/** Checks all 2^32 inputs. */
export function checkAll(name: ElementaryName): Findings {
  const session = sessionOf(name)
  for (const range of session.domain.ranges) checkRange(session, range)
  checkNaNs(session)
  return session.findings
}

/** First bit pattern and count of a range. */
export function patternsOf({ sign, from, to }: Range): readonly [first: number, count: number] {
  const first = bitsOf(from)
  const end = to === Infinity ? 0x7f800001 : bitsOf(to)
  return [(sign < 0 ? 0x80000000 : 0) + first, end - first]
}

function checkRange(session: Session, range: Range): void {
  const [first, total] = patternsOf(range)
  for (let done = 0; done < total;) {
    const count = Math.min(CHUNK - ((first + done) % CHUNK), total - done)
    checkRun(session, { pattern: first + done, count, settled: range.settled })
    done += count
  }
}

/** A run of consecutive patterns inside of one aligned chunk. */
interface Run {
  readonly pattern: number
  readonly count: number
  readonly settled?: (x: number) => number
}

/** Checks one run. */
export function checkRun(session: Session, { pattern, count, settled }: Run): void {
  const { inputs, outputs, findings } = session
  const patterns = new Uint32Array(inputs.buffer)
  for (let i = 0; i < count; i++) patterns[i] = pattern + i
  session.kernel(inputs, outputs, count)
  if (settled) compareSettled(session, count, settled)
  else compareBounded(session, pattern, count)
  findings.checked += count
}

function compareSettled({ inputs, outputs, findings }: Session, count: number, settled: (x: number) => number): void {
  for (let i = 0; i < count; i++) {
    const expected = settled(inputs[i]) + 0
    if (!Object.is(Math.fround(outputs[i]) + 0, expected)) note(findings.wrong, inputs[i], expected)
  }
}

const note = (wrong: Case[], input: number, output: number): void => {
  if (wrong.length < 1000) wrong.push({ input, output, distance: NaN })
}

/** Every result is right for the whole interval of the oracle, or is decided exactly. */
function compareBounded(session: Session, pattern: number, count: number): void {
  const { domain, outputs, bounds } = session
  domain.oracle(pattern, count, bounds)
  const { values, errors } = bounds
  for (let i = 0; i < count; i++) {
    const result = Math.fround(outputs[i])
    const right = Math.fround(values[i] - errors[i]) === result && Math.fround(values[i] + errors[i]) === result
    if (!right) decide(session, floatOf(pattern + i), result)
  }
}

function decide({ domain, findings }: Session, input: number, found: number): void {
  const { output, distance } = roundTrue(domain.value(R.fromNumber(input)))
  findings.decided.push({ input, output, distance })
  if (!Object.is(found + 0, output + 0)) findings.wrong.push({ input, output, distance })
}

/** The binary32 number nearest to a true value, and the distance of the value from the nearest boundary in units in the last place. */
export function roundTrue(value: R.Real): { readonly output: number; readonly distance: number } {
  const magnitude = R.abs(value)
  const unit = BigInt(Math.max(R.bitLength(magnitude) - 24, R.BITS - 149))
  const rest = magnitude & ((1n << unit) - 1n)
  const half = 1n << (unit - 1n)
  if (rest === half) throw new Error('a tie: not decidable with this precision')
  const count = (magnitude >> unit) + (rest > half ? 1n : 0n)
  const output = Math.fround(
    Number(count) * Number(unit - BigInt(R.BITS) < -1000n ? 0 : R.powerOfTwo(Number(unit) - R.BITS)),
  )
  return {
    output: value < 0n ? -output : output,
    distance: Number(((rest > half ? rest - half : half - rest) << 80n) >> unit) / 2 ** 80,
  }
}

/** All NaN patterns give NaN. */
function checkNaNs(session: Session): void {
  for (const base of [0x7f800001, 0xff800001]) {
    const total = 0x7fffff
    for (let done = 0; done < total;) {
      const count = Math.min(CHUNK, total - done)
      checkRun(session, { pattern: base + done, count, settled: () => NaN })
      done += count
    }
  }
}
