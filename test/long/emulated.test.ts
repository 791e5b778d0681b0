/**
 * Training on emulated processors, where the emulators are there: `npm run emulated` fetches them, and runs more processors than this.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import {
  CORTEX_A53,
  NATIVE,
  NEHALEM,
  bundle,
  differences,
  lacking,
  plainDifferences,
  rootsOn,
} from '../../scripts/emulated-processors.js'
import { textOf } from '../../scripts/markdown.js'
import type { Roots } from '../../scripts/training-roots.js'

describe('fifty steps of training on another processor', () => {
  let native: Roots
  beforeAll(async () => {
    await bundle()
    native = rootsOn(NATIVE)
  })

  for (const processor of [NEHALEM, CORTEX_A53]) {
    const reason = lacking(processor)
    test.skipIf(reason !== undefined)(
      `${processor.name}: the same states, where plain float32 has other losses${reason ? `: not run, ${reason}` : ''}`,
      () => {
        const found = rootsOn(processor)
        expect(differences(processor.name, found, native)).toEqual([])
        expect(plainDifferences(found, native)).not.toEqual([])
      },
    )
  }

  test('the roots on record are those of this machine', () => {
    const recorded = textOf('docs/numerics.md')
    for (const [network, root] of Object.entries(native.exact))
      expect(recorded).toMatch(new RegExp(`\\| ${network} +\\| .${root}. +\\|`))
    expect(differences('native', native, native)).toEqual([])
  })

  test('one other root or case is named with its network and processor', () => {
    const other: Roots = { ...native, exact: { ...native.exact, cnn: native.exact.mlp }, nonconforming: ['Add'] }
    expect(differences('elsewhere', other, native)).toEqual([
      `elsewhere: cnn: state root ${native.exact.mlp}, natively ${native.exact.cnn}`,
      'elsewhere: Add: not the pinned bits',
    ])
  })
})
