/**
 * A WebAssembly assembler, as small as this library's own kernels need: code is nested lists of bytes, expressions nest.
 * @see WebAssembly Core Specification 2.0, chapter 5 "Binary Format"
 * @module
 */

/** Bytes of code, nested as they were composed. */
export type Code = number | readonly Code[]

/** One exported function. Parameters and the result are i32; locals are numbered after the parameters. */
export interface WasmFunction {
  readonly name: string
  readonly params: number
  readonly results?: 0 | 1
  /** Counts of further locals: i32 first, then v128. */
  readonly locals: { readonly i32: number; readonly v128: number }
  readonly body: Code
}

const I32 = 0x7f
const V128 = 0x7b
const END = 0x0b

/** Unsigned LEB128. */
export function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(Math.floor(value / 128))]
}

/** Signed LEB128 of a 32-bit integer. */
function signed(value: number): number[] {
  const rest = value >> 7
  const done = (rest === 0 && (value & 64) === 0) || (rest === -1 && (value & 64) !== 0)
  return done ? [value & 127] : [(value & 127) | 128, ...signed(rest)]
}

/** The bytes of a module with one exported memory of `pages` times 64 KiB and these exported functions. */
export function assemble(pages: number, functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ params, results = 0 }) => [
    0x60,
    list(new Array<Code>(params).fill(I32)),
    list(new Array<Code>(results).fill(I32)),
  ])
  const exports = functions.map(({ name }, i) => [text(name), 0x00, unsigned(i)])
  return Uint8Array.from(
    flat([
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, list(types)),
      section(3, list(functions.map((_, i) => unsigned(i)))),
      section(5, list([[0x01, unsigned(pages), unsigned(pages)]])),
      section(7, list([[text('memory'), 0x02, 0x00], ...exports])),
      section(10, list(functions.map(bodyOf))),
    ]),
  )
}

function flat(code: Code): number[] {
  const bytes: number[] = []
  const visit = (part: Code): unknown => (typeof part === 'number' ? bytes.push(part) : part.forEach(visit))
  visit(code)
  return bytes
}

const list = (items: readonly Code[]): Code => [unsigned(items.length), items]
const text = (name: string): Code => list([...new TextEncoder().encode(name)])

function section(id: number, content: Code): Code {
  const bytes = flat(content)
  return [id, unsigned(bytes.length), bytes]
}

function bodyOf({ locals, body }: WasmFunction): Code {
  const declared = list([
    [unsigned(locals.i32), I32],
    [unsigned(locals.v128), V128],
  ])
  const bytes = flat([declared, body, END])
  return [unsigned(bytes.length), bytes]
}

/** The value of a local. */
export const get = (local: number): Code => [0x20, unsigned(local)]
/** Sets a local. */
export const set = (local: number, value: Code): Code => [value, 0x21, unsigned(local)]
/** A constant. */
export const i32 = (value: number): Code => [0x41, signed(value | 0)]
/** Sum, product, unsigned comparison of i32. */
export const add = (a: Code, b: Code): Code => [a, b, 0x6a]
export const mul = (a: Code, b: Code): Code => [a, b, 0x6c]
export const below = (a: Code, b: Code): Code => [a, b, 0x49]
/** Runs the body, and again while the condition holds. */
export const doWhile = (body: Code, condition: Code): Code => [0x03, 0x40, body, condition, 0x0d, 0x00, END]
/** Calls a function of the module by its index. */
export const call = (index: number, ...args: readonly Code[]): Code => [args, 0x10, unsigned(index)]
/** Copies bytes within the memory. */
export const copyMemory = (to: Code, from: Code, length: Code): Code => [to, from, length, 0xfc, 0x0a, 0x00, 0x00]

const simd = (opcode: number): Code => [0xfd, unsigned(opcode)]
/** Operations on v128, four lanes of 32 bits where lanes matter. */
export const v128 = {
  load: (address: Code, offset = 0): Code => [address, simd(0x00), 0x00, unsigned(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [address, value, simd(0x0b), 0x00, unsigned(offset)],
  splat: (value: Code): Code => [value, simd(0x11)],
  shuffle: (a: Code, b: Code, lanes: readonly number[]): Code => [a, b, simd(0x0d), lanes],
  and: (a: Code, b: Code): Code => [a, b, simd(0x4e)],
  or: (a: Code, b: Code): Code => [a, b, simd(0x50)],
  xor: (a: Code, b: Code): Code => [a, b, simd(0x51)],
  /** Bits of `a` where the mask is one, else bits of `b`. */
  select: (a: Code, b: Code, mask: Code): Code => [a, b, mask, simd(0x52)],
  anyTrue: (a: Code): Code => [a, simd(0x53)],
  shl: (a: Code, bits: number): Code => [a, i32(bits), simd(0xab)],
  shr: (a: Code, bits: number): Code => [a, i32(bits), simd(0xad)],
  add: (a: Code, b: Code): Code => [a, b, simd(0xae)],
}
