import { describe, expect, test } from 'vitest'
import * as C from '../../scripts/contracts.js'
import { textOf } from '../../scripts/markdown.js'

const present = C.artifacts()

describe('contracts/artifacts', () => {
  test.each(C.contractFiles().filter((file) => !C.isLibrary(file)))('%s is compiled', (file) => {
    expect(present.map(({ source }) => source)).toContain(file)
  })

  test.each(present.map((artifact) => [artifact.contract, artifact] as const))(
    '%s was made of the sources, the compiler and the settings that stand here',
    async (_, artifact) => {
      expect(C.contractFiles()).toContain(artifact.source)
      expect(artifact.compiler).toBe(C.COMPILER)
      expect(artifact.input).toBe(C.hashOf(C.inputOf(artifact.source)))
      expect(textOf(C.pathOf(artifact))).toBe(await C.textOfArtifact(artifact))
    },
  )

  test('a contract that is published fits a chain (EIP-170)', () => {
    const published = present.filter(({ source }) => !source.startsWith('contracts/test/'))
    for (const { contract, deployedBytecode } of published)
      expect((deployedBytecode.length - 2) / 2, contract).toBeLessThanOrEqual(24_576)
  })
})
