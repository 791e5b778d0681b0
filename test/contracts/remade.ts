/**
 * Another proof of the same: what anybody makes of a Groth16 proof without its witness.
 * @module
 */
import { bn254 } from '@noble/curves/bn254.js'
import type { G2 } from '../../src/zk/points.js'
import { wordsOf, wordsToBytes } from '../../src/zk/points.js'

const { G1, G2: Second } = bn254
const R = 1234567890123456789n
const S = 987654321n

/** A' = r A, B' = r^-1 B + r^-1 s delta, C' = C + s A: the pairing equation holds as before. */
export function remade(bytes: Uint8Array, delta: G2): Uint8Array {
  const words = wordsOf(bytes)
  const a = G1.Point.fromAffine({ x: words[0], y: words[1] })
  const b = second([words[2], words[3], words[4], words[5]])
  const c = G1.Point.fromAffine({ x: words[6], y: words[7] })
  const inverse = bn254.fields.Fr.inv(R)
  const [x, y, z] = [a.multiply(R), b.add(second(delta).multiply(S)).multiply(inverse), c.add(a.multiply(S))]
  const { x: bx, y: by } = y.toAffine()
  const [first, last] = [x.toAffine(), z.toAffine()]
  return wordsToBytes([first.x, first.y, bx.c1, bx.c0, by.c1, by.c0, last.x, last.y])
}

const second = ([xi, x, yi, y]: G2) => Second.Point.fromAffine({ x: { c0: x, c1: xi }, y: { c0: y, c1: yi } })
