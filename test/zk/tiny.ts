/**
 * A circuit with the four public inputs of ours and next to nothing between them: keys and proofs of it are made in moments.
 */
import { withCurve, written } from '../../src/zk/curve.js'
import { compile } from '../../src/zk/compile.js'
import { unsafePowers } from '../../src/zk/powers.js'
import { generator } from '../../src/zk/witness.js'

const text = (factor: number) => `pragma circom 2.2.0;
template Tiny() {
  signal input x;
  signal input context;
  signal output statement;
  signal output rootIn;
  signal output rootOut;
  statement <== ${factor} * x * x + 7;
  rootIn <== statement * x;
  rootOut <== rootIn * x + 1;
  signal bound;
  bound <== context * context;
}
component main {public [context]} = Tiny();
`

export interface Tiny {
  readonly r1cs: Uint8Array
  witness(x: bigint, context: bigint): bigint[]
}

/** The circuit, or one of the same size and shape with another constant. */
export async function tiny(factor = 3): Promise<Tiny> {
  const { r1cs, wasm } = await compile({ text: text(factor), constraints: 4 })
  const made = await generator(wasm)
  return { r1cs, witness: (x, context) => made.witness({ x: [x], context: [context] }) }
}

/** Development powers for it. */
export const tinyPowers = (): Promise<Uint8Array> => unsafePowers(5)

/** Powers that two parties contributed to, as a ceremony's are: nothing in them is known to the code. */
export async function ceremonyPowers(): Promise<Uint8Array> {
  return withCurve(async (snarkjs) => {
    const { newAccumulator, contribute, preparePhase2 } = snarkjs.powersOfTau as unknown as Ceremony
    const curve = await snarkjs.curves.getCurveFromName('bn128')
    let powers = await written((to) => newAccumulator(curve, 4, to))
    for (const name of ['carol', 'dave'])
      powers = await written((to) => contribute(powers, to, name, `dice of ${name}`))
    return written((to) => preparePhase2(powers, to))
  })
}

interface Ceremony {
  newAccumulator(curve: unknown, power: number, to: object): Promise<unknown>
  contribute(from: Uint8Array, to: object, name: string, entropy: string): Promise<unknown>
  preparePhase2(from: Uint8Array, to: object): Promise<unknown>
}
