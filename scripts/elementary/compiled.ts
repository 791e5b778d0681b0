/**
 * An interpreter of the elementary functions that writes JavaScript: the same binary64 operations as a straight loop over
 * an array, for runs over billions of inputs. The tests compare it with the interpreter on numbers.
 * @module
 */
import type { Arithmetic, Table } from '../../src/exact/elementary/arithmetic.js'

/** Evaluates the first `count` inputs. */
export type Kernel = (inputs: Float32Array, outputs: Float64Array, count: number) => void

type Description = <T, B>(m: Arithmetic<T, B>, x: T) => T

/** The loop for a function. */
export function compile(describe: Description): Kernel {
  const lines: string[] = []
  const tables: Table[] = []
  const name = (expression: string): string => {
    lines.push(`const v${lines.length} = ${expression}`)
    return `v${lines.length - 1}`
  }
  const tableName = (table: Table): string => {
    if (!tables.includes(table)) tables.push(table)
    return `t${tables.indexOf(table)}`
  }
  const result = describe(writer(name, tableName), 'x')
  const loop = `for (let i = 0; i < count; i++) { const x = inputs[i]; ${lines.join('; ')}; outputs[i] = ${result} }`
  const names = tables.map(tableName)
  const build = new Function(...names, `${SCRATCH}; return (inputs, outputs, count) => { ${loop} }`)
  return build(...tables.map((table) => table.values)) as Kernel
}

const SCRATCH = 'const word = new Float64Array(1); const halves = new Uint32Array(word.buffer)'
const ROUNDER = 6755399441055744

function writer(name: (expression: string) => string, tableName: (table: Table) => string): Arithmetic<string, string> {
  const infix = (operator: string) => (a: string, b: string) => name(`${a} ${operator} ${b}`)
  return {
    constant: (value) => (Object.is(value, -0) || value < 0 ? `(${value})` : `${value}`),
    add: infix('+'),
    sub: infix('-'),
    mul: infix('*'),
    div: infix('/'),
    sqrt: (a) => name(`Math.sqrt(${a})`),
    neg: (a) => name(`-${a}`),
    abs: (a) => name(`Math.abs(${a})`),
    round: (a) => name(`Math.abs(${a}) < ${2 ** 51} ? ${a} + ${ROUNDER} - ${ROUNDER} : ${a}`),
    min: (a, b) => name(`${b} < ${a} ? ${b} : ${a}`),
    max: (a, b) => name(`${a} < ${b} ? ${b} : ${a}`),
    less: infix('<'),
    equal: infix('==='),
    isNaN: (a) => name(`${a} !== ${a}`),
    and: infix('&&'),
    or: infix('||'),
    not: (a) => name(`!${a}`),
    where: (condition, a, b) => name(`${condition} ? ${a} : ${b}`),
    gather: (table, index) =>
      name(`${tableName(table)}[(${index} < 0 ? ${index} + ${table.values.length} : ${index}) | 0]`),
    highBits: (a, shift) => name(`(word[0] = ${a}, ${shiftRight(shift)})`),
  }
}

const shiftRight = (shift: number): string =>
  shift < 32 ? `halves[1] * ${2 ** (32 - shift)} + (halves[0] >>> ${shift})` : `halves[1] >>> ${shift - 32}`
