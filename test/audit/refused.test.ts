import { expect, test } from 'vitest'
import { replay } from '../../src/audit/replay.js'
import { decode, encode, readerOf, verifyContent } from '../../src/receipt/bundle.js'
import { jobFor, provide } from '../../src/receipt/provide.js'
import { fromRandom } from '../../src/receipt/signer.js'
import { ortNode } from '../../src/runtime/ort-node.js'
import { reference } from '../../src/runtime/reference.js'
import { refusedAt } from '../dispute/refused.js'
import { SHAPES, SOME, nameOf } from '../dispute/refusing.js'

test.each(SHAPES.map((shape) => [nameOf(shape), shape] as const))(
  'a bundle of a refused run verifies and replays, whatever the step at which it was refused: %s',
  async (_, shape) => {
    for (const one of SOME)
      for (const step of [0, 1, 2, 3]) {
        const of = refusedAt(one, step)
        const job = await jobFor(of.work, shape)
        const sealed = await provide(of.work, { job, runtime: reference(), signer: fromRandom() })
        const made = await sealed.reveal()
        expect(made.receipt.refusal).toEqual(of.at)
        const bundle = await decode(readerOf(encode(made)))
        expect(verifyContent(bundle).leaves).toHaveLength(bundle.leaves.length)
        expect((await replay(bundle, ortNode())).outcome).toBe('valid')
      }
  },
  60_000,
)
