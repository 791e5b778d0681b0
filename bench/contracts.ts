/**
 * Gas of contracts/Exact.sol and contracts/Elementary.sol: one operation on one element, over the operands of the differential tests (half
 * of them edge cases, the others random by exponent); mean and worst.
 *
 * `npm run bench -- contracts [--json]`
 */
import { BINARY32, FORMATS, pairs, type Format } from '../scripts/exact-vectors.js'
import { FUNCTIONS, runElementary } from '../test/contracts/elementary.js'
import { pack } from '../test/contracts/exact.js'
import { deploy, startNode } from '../test/contracts/node.js'
import { print } from './measure.js'

/** The operations that the harness knows, by their numbers there. */
const OPERATIONS = {
  add: 1,
  sub: 2,
  mul: 3,
  div: 4,
  sqrt: 5,
  fmod: 6,
  less: 7,
  max: 8,
  round: 9,
  convert: 10,
  pow2ceil: 11,
  'integer-to-float': 12,
  grid: 13,
} as const

const CASES = 4000

/** A grid takes finite magnitudes below its scale; everything else takes anything. */
const operandsOf = (name: string, format: Format): readonly (readonly bigint[])[] =>
  name === 'grid' ? [...pairs(format, CASES)].map(([a]) => [a, a]) : pairs(format, CASES)

const node = await startNode({ unlimited: true })
try {
  const harness = await deploy(node, 'test/ExactHarness')
  for (const format of FORMATS)
    for (const [name, operation] of Object.entries(OPERATIONS)) {
      const operands = operandsOf(name, format)
      const call = [operation, format.width, pack(format.width, operands), { gasLimit: 10n ** 12n }]
      const { total, worst } = (await harness.gasOf(...call)) as { total: bigint; worst: bigint }
      const of = format === BINARY32 ? 'binary32' : 'binary64'
      print({
        bench: 'contracts',
        case: `${name}-${of}`,
        metric: 'mean',
        value: Number(total) / operands.length,
        unit: 'gas',
      })
      print({ bench: 'contracts', case: `${name}-${of}`, metric: 'worst', value: Number(worst), unit: 'gas' })
    }
  const functions = await deploy(node, 'test/ElementaryHarness')
  for (const name of FUNCTIONS) {
    const { mean, worst } = await runElementary(functions, name, CASES)
    print({ bench: 'contracts', case: name.toLowerCase(), metric: 'mean', value: mean, unit: 'gas' })
    print({ bench: 'contracts', case: name.toLowerCase(), metric: 'worst', value: worst, unit: 'gas' })
  }
} finally {
  await node.stop()
}
