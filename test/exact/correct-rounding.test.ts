import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { generate } from '../../scripts/elementary-tables.js'
import { checkRun, patternsOf, roundTrue, sessionOf } from '../../scripts/elementary/check.js'
import { compile } from '../../scripts/elementary/compiled.js'
import { DOMAINS, type Range } from '../../scripts/elementary/domains.js'
import { bitsOf, floatOf } from '../../scripts/elementary/oracle.js'
import * as R from '../../scripts/elementary/reals.js'
import type { Arithmetic, ElementaryName, Table } from '../../src/exact/elementary/index.js'
import { ELEMENTARY, evaluate, evaluatePow, numbers, pow, TABLES } from '../../src/exact/elementary/index.js'
import { NUDGES, TABLES_SHA256 } from '../../src/exact/elementary/nudges.js'

const NAMES = Object.keys(ELEMENTARY) as ElementaryName[]
const ODD: readonly ElementaryName[] = ['Tanh', 'Erf', 'Sin', 'Tan', 'Asin', 'Atan', 'Sinh', 'Asinh', 'Atanh']
/** Their oracle makes tables for each exponent. */
const CIRCULAR: readonly ElementaryName[] = ['Sin', 'Cos', 'Tan']
const EVEN: readonly ElementaryName[] = ['Cos', 'Cosh']
const RISING: readonly ElementaryName[] = [
  ...(['Exp', 'Expm1', 'Log', 'Log1p', 'Tanh', 'Sigmoid', 'Softplus', 'Erf'] as const),
  ...(['Asin', 'Atan', 'Sinh', 'Asinh', 'Acosh', 'Atanh'] as const),
]

const pattern = fc.integer({ min: 0, max: 0xffffffff })
const binary32 = pattern.map(floatOf)

/** The interpreter on numbers, refusing look-ups outside of a table's range. */
const strict: Arithmetic<number, boolean> = {
  ...numbers,
  gather(table: Table, index: number) {
    const { length } = table.values
    if (!(Number.isInteger(index) && -length <= index && index < length)) throw new Error(`${table.name}[${index}]`)
    return numbers.gather(table, index)
  },
}

const vectors = JSON.parse(readFileSync(new URL('../vectors/elementary.json', import.meta.url), 'utf8')) as Record<
  ElementaryName,
  Readonly<Record<string, string>>
>

/** Numbers at which functions and binary32 itself change their ways. */
const EDGES = [
  0,
  2 ** -149,
  2 ** -126,
  2 ** -26,
  2 ** -13,
  0.5,
  1,
  1 + 2 ** -23,
  2,
  9.5,
  18,
  88.72,
  89,
  90,
  104,
  2 ** 25,
]
  .concat(2 ** 127, 3.4028234663852886e38, Infinity, NaN)
  .flatMap((x) => [x, -x])
  .map(Math.fround)

/** Results that an argument does not settle: the wide ranges. */
const wide = (name: ElementaryName): Range[] =>
  DOMAINS[name].ranges.filter((range) => range.settled === undefined && patternsOf(range)[1] > 0)

describe('elementary functions are correctly rounded', () => {
  for (const name of NAMES) {
    test(`${name}: the inputs that are hardest to round`, () => {
      const cases = Object.entries(vectors[name])
      expect(cases.length).toBe(40)
      for (const [input, output] of cases) {
        const found = evaluate(name, floatOf(parseInt(input, 16)))
        expect([input, bitsOf(found)]).toEqual([input, parseInt(output, 16)])
      }
    })

    test(`${name}: runs of consecutive inputs from anywhere`, () => {
      const session = sessionOf(name)
      fc.assert(
        fc.property(fc.constantFrom(...wide(name)), fc.nat({ max: 2 ** 30 }), (range, at) => {
          const [first, total] = patternsOf(range)
          const start = first + (at % total)
          const count = Math.min(4096 - (start % 4096), first + total - start)
          checkRun(session, { pattern: start, count })
          expect(session.findings.wrong).toEqual([])
        }),
        { numRuns: CIRCULAR.includes(name) ? 4 : 40 },
      )
    })
  }

  test('scattered inputs, against BigInt arithmetic alone', () => {
    for (const name of NAMES) {
      for (const range of wide(name)) {
        const [first, total] = patternsOf(range)
        for (let k = 0; k < 150; k++) {
          const x = floatOf(first + Math.floor((total * (k + ((k * 0.6180339887) % 1))) / 151))
          const { output } = roundTrue(DOMAINS[name].value(R.fromNumber(x)))
          expect([name, x, evaluate(name, x)]).toEqual([name, x, output + 0])
        }
      }
    }
  })
})

describe('elementary functions keep their laws', () => {
  test('odd functions are odd, even functions are even, and no result is -0', () => {
    fc.assert(
      fc.property(binary32, (x) => {
        for (const name of ODD) expect(evaluate(name, -x)).toBe(-evaluate(name, x) + 0)
        for (const name of EVEN) expect(evaluate(name, -x)).toBe(evaluate(name, x))
        for (const name of NAMES) expect(Object.is(evaluate(name, x), -0)).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })

  test('rising functions never fall', () => {
    fc.assert(
      fc.property(binary32, binary32, (x, y) => {
        for (const name of RISING) expect(evaluate(name, Math.max(x, y)) < evaluate(name, Math.min(x, y))).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })

  test('neighbours keep their order', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x7f7ffffe }), (at) => {
        for (const name of RISING) expect(evaluate(name, floatOf(at)) > evaluate(name, floatOf(at + 1))).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })

  test('every look-up stays inside of its table, whatever the input', () => {
    for (const name of NAMES) for (const x of EDGES) ELEMENTARY[name](strict, x)
    for (const x of EDGES) for (const y of EDGES) pow(strict, x, y)
    fc.assert(
      fc.property(binary32, binary32, (x, y) => {
        for (const name of NAMES) ELEMENTARY[name](strict, x)
        pow(strict, x, y)
      }),
      { numRuns: 2000 },
    )
  })

  test('min and max may return either operand beside a NaN', () => {
    const prefer = (nan: boolean): Arithmetic<number, boolean> => ({
      ...strict,
      min: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? (Number.isNaN(a) === nan ? a : b) : numbers.min(a, b)),
      max: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? (Number.isNaN(a) === nan ? a : b) : numbers.max(a, b)),
    })
    for (const m of [prefer(true), prefer(false)]) {
      for (const name of NAMES)
        for (const x of EDGES) expect(Math.fround(ELEMENTARY[name](m, x)) + 0).toBe(evaluate(name, x))
      for (const x of EDGES) for (const y of EDGES) expect(Math.fround(pow(m, x, y)) + 0).toBe(evaluatePow(x, y))
    }
  })

  test('the compiled loop and the interpreter on numbers give the same binary64 results', () => {
    const inputs = Float32Array.from({ length: 4096 }, (_, i) =>
      i < EDGES.length ? EDGES[i] : floatOf((i * 2654435761) >>> 0),
    )
    const outputs = new Float64Array(inputs.length)
    for (const name of NAMES) {
      compile(ELEMENTARY[name])(inputs, outputs, inputs.length)
      expect([...outputs]).toEqual([...inputs].map((x) => ELEMENTARY[name](numbers, x)))
    }
  })
})

describe('tables', () => {
  test('the stored seeds and coefficients are what the script makes', () => {
    const stored = readFileSync(new URL('../../src/exact/elementary/tables.generated.ts', import.meta.url), 'utf8')
    expect(stored === generate()).toBe(true)
  })

  test('the expanded tables have the pinned hash', () => {
    const hash = createHash('sha256')
    for (const { values } of TABLES) {
      const view = new DataView(new ArrayBuffer(8 * values.length))
      values.forEach((value, i) => view.setFloat64(8 * i, value, true))
      hash.update(new Uint8Array(view.buffer))
    }
    expect(hash.digest('hex')).toBe(TABLES_SHA256)
  })

  const fraction = (n: number, d: number) => (BigInt(n) * R.ONE) / BigInt(d)
  const truths: Record<string, (n: number) => R.Real> = {
    EXP: (n) => R.exp(fraction(n, 64)),
    EXPM1: (n) => R.expm1(fraction(n, 128)),
    SINH: (n) => R.sinh(fraction(n, 64)),
    COSH: (n) => R.cosh(fraction(n, 64)),
    SIN: (n) => R.sin((R.PI * BigInt(n)) / 2048n),
    COS: (n) => R.cos((R.PI * BigInt(n)) / 2048n),
  }
  const tableOf = (name: string) => TABLES.find((table) => table.name === name)!.values
  const nudged = (name: string, index: number) => (NUDGES[name] ?? []).some((nudge) => nudge.index === index)

  for (const [name, truth] of Object.entries(truths)) {
    test(`${name}: each entry is the nearest binary64 number, or is listed as moved`, () => {
      const values = tableOf(name)
      const negative = name === 'EXPM1' ? 2560 : (values.length - 1) / 2
      values.forEach((value, i) => {
        const n = i < values.length - negative ? i : i - values.length
        const expected = truth(n)
        if (nudged(name, i) || (value === 0 && R.abs(expected) < 1n << 20n)) return
        if (R.toNumber(expected) !== value) throw new Error(`${name}[${n}]`)
      })
    })
  }

  test('LOG: each entry is the nearest binary64 number to -log(INVERSE), or is listed as moved', () => {
    const [logs, inverses] = [tableOf('LOG'), tableOf('INVERSE')]
    for (let i = 1; i < logs.length - 1; i += 3) {
      if (inverses[i] === 1 || nudged('LOG', i)) continue
      if (R.toNumber(-R.log(R.fromNumber(inverses[i]))) !== logs[i]) throw new Error(`LOG[${i}]`)
    }
  })
})

describe('BigInt arithmetic', () => {
  const near = (a: R.Real, b: R.Real, bits: number) => expect(R.abs(a - b) < R.ONE >> BigInt(bits)).toBe(true)
  const positive = fc.integer({ min: 0x38000000, max: 0x42000000 }).map(floatOf).map(R.fromNumber)

  test('functions satisfy their functional equations to 2^-200', () => {
    fc.assert(
      fc.property(positive, positive, (x, y) => {
        near(R.exp(R.log(x)), x, 200)
        near(R.log(R.mul(x, y)), R.log(x) + R.log(y), 200)
        near(R.mul(R.exp(-x), R.exp(x)), R.ONE, 200)
        const [[s, c], [t, d]] = [R.sinCos(x), R.sinCos(y)]
        near(R.mul(s, d) + R.mul(c, t), R.sin(x + y), 200)
        near(R.mul(c, d) - R.mul(s, t), R.cos(x + y), 200)
        near(R.atan(R.div(s, c)), x - R.PI * ((2n * x + R.PI) / (2n * R.PI)), 180)
        near(R.mul(R.sqrt(x), R.sqrt(x)), x, 200)
      }),
      { numRuns: 40 },
    )
  })

  test('known digits', () => {
    const digits = (r: R.Real) => ((r * 10n ** 50n) >> 256n).toString()
    expect(digits(R.PI)).toBe('314159265358979323846264338327950288419716939937510')
    expect(digits(R.exp(R.ONE))).toBe('271828182845904523536028747135266249775724709369995')
    expect(digits(R.LN2)).toBe('69314718055994530941723212145817656807550013436025')
    expect(digits(R.erf(R.ONE))).toBe('84270079294971486934122063508260925929606699796630')
    expect(digits(R.sin(R.fromNumber(1e22)))).toBe('-85220084976718880177270589375302936826176215041005')
  })

  test('the fast oracle keeps its stated bound with room to spare', () => {
    for (const name of NAMES) {
      for (const range of wide(name)) {
        const [first, total] = patternsOf(range)
        for (const part of CIRCULAR.includes(name) ? [0.77] : [0.001, 0.3, 0.77, 0.999]) {
          const at = first + Math.floor(part * (total - 1))
          const count = Math.min(512, total - (at - first), 0x800000 - (at % 0x800000))
          const bounds = { values: new Float64Array(count), errors: new Float64Array(count) }
          DOMAINS[name].oracle(at, count, bounds)
          const i = Math.floor(count / 3)
          const difference = R.abs(R.fromNumber(bounds.values[i]) - DOMAINS[name].value(R.fromNumber(floatOf(at + i))))
          if (bounds.errors[i] < 1e30) expect(difference * 2n <= R.fromNumber(bounds.errors[i]) + 1n).toBe(true)
        }
      }
    }
  })
})

describe('Pow', () => {
  test('special cases are those of C', () => {
    const odd = [3, -3, 1, -1, 16777215]
    const other = [2, -2, 0.5, -0.5, 16777216, 1e30, -1e30]
    for (const y of [...odd, ...other, NaN, Infinity, -Infinity, 0]) expect(evaluatePow(1, y)).toBe(1)
    for (const x of [0, -0, 3, -3, Infinity, -Infinity, NaN]) expect(evaluatePow(x, 0)).toBe(1)
    for (const y of odd) expect(evaluatePow(-0, y)).toBe(y < 0 ? -Infinity : 0)
    for (const y of odd) expect(evaluatePow(-Infinity, y)).toBe(y < 0 ? 0 : -Infinity)
    for (const y of other) expect(evaluatePow(-0, y)).toBe(y < 0 ? Infinity : 0)
    for (const y of other) expect(evaluatePow(-Infinity, y)).toBe(y < 0 ? 0 : Infinity)
    for (const y of [Infinity, -Infinity]) expect(evaluatePow(-1, y)).toBe(1)
    for (const x of [0.5, -0.5, 0, -0])
      expect([evaluatePow(x, Infinity), evaluatePow(x, -Infinity)]).toEqual([0, Infinity])
    for (const x of [2, -2, Infinity, -Infinity])
      expect([evaluatePow(x, Infinity), evaluatePow(x, -Infinity)]).toEqual([Infinity, 0])
    for (const y of [0.5, -0.5, 2.5]) expect(evaluatePow(-2, y)).toBeNaN()
    for (const y of [2, -1, Infinity]) expect([evaluatePow(NaN, y), evaluatePow(2, NaN)]).toEqual([NaN, NaN])
    expect([evaluatePow(-2, 3), evaluatePow(-2, 2), evaluatePow(-8, -1)]).toEqual([-8, 4, -0.125])
    expect([evaluatePow(2, 128), evaluatePow(2, -150), evaluatePow(2, -149)]).toEqual([Infinity, 0, 2 ** -149])
  })

  test('powers that are exact or half-way between two numbers are right', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5 }), fc.nat({ max: 8191 }), (n, at) => {
        const x = (at % [0, 0, 8192, 512, 128, 64][n]) + 1
        const power = Array.from({ length: n }, () => x).reduce((product, factor) => product * factor, 1)
        expect(evaluatePow(x, n)).toBe(Math.fround(power))
        expect(evaluatePow(-x, n)).toBe(Math.fround(n % 2 ? -power : power))
        expect(evaluatePow(Math.fround(x * x), 0.5)).toBe(x)
      }),
      { numRuns: 3000 },
    )
  })

  test('other powers are correctly rounded and within the stated bound', () => {
    const exponent = fc.double({ min: -100, max: 88, noNaN: true })
    const base = fc
      .integer({ min: 1, max: 0x7f7fffff })
      .map(floatOf)
      .filter((x) => x !== 1)
    fc.assert(
      fc.property(base, exponent, (x, target) => {
        const y = Math.fround((target / Number(R.log(R.fromNumber(x)) >> 196n)) * 2 ** 60)
        fc.pre(y !== 0 && Math.abs(y) < 2 ** 120)
        const truth = R.pow(R.fromNumber(x), R.fromNumber(y))
        expect(evaluatePow(x, y)).toBe(roundTrue(truth).output)
        expect(R.abs(R.fromNumber(pow(numbers, x, y)) - truth) <= (truth >> 50n) + 1n).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })
})
