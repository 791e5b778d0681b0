/**
 * What an elementary function may use. Each function is written once against this interface and evaluated by several
 * interpreters: binary64 numbers (numbers.ts), ONNX nodes (the lowering).
 * @module
 */

/** A table of binary64 values. Tables are compared by identity: one table is one initializer of a lowered graph. */
export interface Table {
  readonly name: string
  readonly values: Float64Array
}

/**
 * The binary64 operations of the elementary functions, each rounded on its own (IEEE 754, ties to even; never
 * contracted). T stands for a binary64 value, B for a truth value.
 */
export interface Arithmetic<T, B> {
  constant(value: number): T
  add(a: T, b: T): T
  sub(a: T, b: T): T
  mul(a: T, b: T): T
  div(a: T, b: T): T
  sqrt(a: T): T
  neg(a: T): T
  abs(a: T): T
  /** The nearest integer, ties to even. */
  round(a: T): T
  /** The smaller one; of a NaN and a number, either. No result depends on which. */
  min(a: T, b: T): T
  /** The larger one; of a NaN and a number, either. No result depends on which. */
  max(a: T, b: T): T
  /** a < b; false beside a NaN. */
  less(a: T, b: T): B
  /** a = b; false beside a NaN. */
  equal(a: T, b: T): B
  isNaN(a: T): B
  and(a: B, b: B): B
  or(a: B, b: B): B
  not(a: B): B
  where(condition: B, a: T, b: T): T
  /**
   * The entry of a table at an index that is an integer, never NaN and in -length .. length - 1 for every input. A
   * negative index counts from the end, as in ONNX Gather.
   */
  gather(table: Table, index: T): T
  /** The 64 bits of a as an unsigned integer, shifted right by `shift` (12 or more): an integer below 2^52. */
  highBits(a: T, shift: number): T
}
