/**
 * Which element bits may stand in a committed payload: any, but for NaN (one canonical pattern) and bool (0 or 1).
 * @module
 */
import { equal } from '../core/bytes.js'
import { DTYPES, isFloat, type DType } from '../core/tensor.js'

interface FloatBits {
  /** The canonical quiet NaN. */
  readonly nan: bigint
  /** The bits of +infinity: a magnitude above it is a NaN. */
  readonly infinity: bigint
}

const FLOAT_BITS: { readonly [dtype in DType]?: FloatBits } = {
  float16: { nan: 0x7e00n, infinity: 0x7c00n },
  bfloat16: { nan: 0x7fc0n, infinity: 0x7f80n },
  float32: { nan: 0x7fc00000n, infinity: 0x7f800000n },
  float64: { nan: 0x7ff8000000000000n, infinity: 0x7ff0000000000000n },
}

/** Replaces every NaN in a payload by the canonical quiet NaN of the type, in place. */
export function canonicalizeNaN(dtype: DType, payload: Uint8Array): void {
  const bits = FLOAT_BITS[dtype]
  if (!bits) return
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const [nan, infinity] = [Number(bits.nan), Number(bits.infinity)]
  if (DTYPES[dtype].bytes === 2) fix16(view, nan, infinity)
  else if (DTYPES[dtype].bytes === 4) fix32(view, nan, infinity)
  else fix64(view, bits)
}

function fix16(view: DataView, nan: number, infinity: number): void {
  for (let at = 0; at < view.byteLength; at += 2)
    if ((view.getUint16(at, true) & 0x7fff) > infinity) view.setUint16(at, nan, true)
}

function fix32(view: DataView, nan: number, infinity: number): void {
  for (let at = 0; at < view.byteLength; at += 4)
    if ((view.getUint32(at, true) & 0x7fffffff) > infinity) view.setUint32(at, nan, true)
}

function fix64(view: DataView, { nan, infinity }: FloatBits): void {
  for (let at = 0; at < view.byteLength; at += 8)
    if (BigInt.asUintN(63, view.getBigUint64(at, true)) > infinity) view.setBigUint64(at, nan, true)
}

/** True where a payload holds a NaN that is not the canonical one, or a bool above 1. */
export function badElements(dtype: DType, payload: Uint8Array): boolean {
  if (dtype === 'bool') return payload.some((byte) => byte > 1)
  if (!isFloat(dtype)) return false
  const canonical = payload.slice()
  canonicalizeNaN(dtype, canonical)
  return !equal(canonical, payload)
}

/**
 * A test of 32 bits at a time that no canonical payload of finite numbers fails: `((word & mask) + carry) & flag` is not
 * zero where an exponent is all ones (infinity or NaN) or a bool is above 1. For float64 every second word is tested.
 */
export interface WordTest {
  readonly mask: readonly [number, number]
  readonly carry: readonly [number, number]
  readonly flag: readonly [number, number]
}

const NOTHING: WordTest = { mask: [0, 0], carry: [0, 0], flag: [0, 0] }
const TESTS: { readonly [dtype in DType]?: WordTest } = {
  bool: { mask: [0xfefefefe, 0xfefefefe], carry: [0, 0], flag: [0xfefefefe, 0xfefefefe] },
  float16: { mask: [0x7c007c00, 0x7c007c00], carry: [0x04000400, 0x04000400], flag: [0x80008000, 0x80008000] },
  bfloat16: { mask: [0x7f807f80, 0x7f807f80], carry: [0x00800080, 0x00800080], flag: [0x80008000, 0x80008000] },
  float32: { mask: [0x7f800000, 0x7f800000], carry: [0x00800000, 0x00800000], flag: [0x80000000, 0x80000000] },
  float64: { mask: [0, 0x7ff00000], carry: [0, 0x00100000], flag: [0, 0x80000000] },
}

/** The test for a type; one that finds nothing where every bit pattern is canonical. */
export function wordTest(dtype: DType): WordTest {
  return TESTS[dtype] ?? NOTHING
}
