/**
 * The scalar field of BN254 (alt_bn128), the field that circuits compute in.
 * Source: EIP-196; order r of the group G1.
 * @module
 */
import { demand } from '../core/faults.js'

/** Order of the field: a prime of 254 bits. */
export const ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617n

/** Bits that any field element of this many bits below the order has: sums of `CAPACITY` bits never wrap. */
export const CAPACITY = 253

/** The representative 0 .. r - 1 of an integer; negative ones count from the order. */
export function reduce(value: bigint): bigint {
  const rest = value % ORDER
  return rest < 0n ? rest + ORDER : rest
}

/** The integer of least magnitude that an element stands for: above half of the order, negative. */
export function signed(element: bigint): bigint {
  return element > ORDER >> 1n ? element - ORDER : element
}

/** base^exponent, by squaring. */
export function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, reduce(base)]
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % ORDER
    square = (square * square) % ORDER
  }
  return result
}

/**
 * A root of unity of order 2^k (k <= 28): powers of 5^((r - 1) / 2^28), of which 5 is the least that is no square. Every tool on this
 * curve takes these.
 */
export const rootOfUnity = (k: number): bigint => power(power(5n, (ORDER - 1n) >> 28n), 1n << BigInt(28 - k))

/** The multiplicative inverse. @throws Fault `zk/not-in-field` for zero. Cost: one extended Euclidean division chain. */
export function inverse(value: bigint): bigint {
  let [a, b] = [reduce(value), ORDER]
  demand(a !== 0n, 'zk/not-in-field', () => 'zero has no inverse')
  let [x, y] = [1n, 0n]
  while (b !== 0n) {
    const quotient = a / b
    ;[a, b] = [b, a - quotient * b]
    ;[x, y] = [y, x - quotient * y]
  }
  return reduce(x)
}

/** The element itself. @throws Fault `zk/not-in-field` where it is negative or not below the order. */
export function element(value: bigint): bigint {
  demand(value >= 0n && value < ORDER, 'zk/not-in-field', () => 'not the canonical form of a field element')
  return value
}

/** 32 bytes, big-endian. */
export function toBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32)
  for (let [i, rest] = [31, element(value)]; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 255n)
  return bytes
}

/** The integer of bytes, big-endian: any number of them. */
export const integerOf = (bytes: Uint8Array): bigint => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)

/** The element of 32 bytes, big-endian. @throws Fault `zk/not-in-field` where they are not below the order, or not 32. */
export function fromBytes(bytes: Uint8Array): bigint {
  demand(bytes.length === 32, 'zk/not-in-field', () => 'a field element is 32 bytes', { found: bytes.length })
  return element(integerOf(bytes))
}
