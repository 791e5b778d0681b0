import { expect, test } from 'vitest'
import fc from 'fast-check'
import { budgetLines, budgetOf } from '../../src/cli/budget.js'

const constraintsOf = fc.integer({ min: 1, max: 2_000_000 })

test('the powers of tau of a budget hold its constraints with the rows of public inputs, and half of them do not', () => {
  fc.assert(
    fc.property(constraintsOf, (constraints) => {
      const { power } = budgetOf({ constraints }, 'groth16')
      expect(2 ** power).toBeGreaterThanOrEqual(constraints + 5)
      expect(2 ** (power - 1)).toBeLessThan(constraints + 5)
    }),
  )
})

test('a larger circuit is never expected to take less time', () => {
  fc.assert(
    fc.property(constraintsOf, constraintsOf, (a, b) => {
      const [small, large] = [Math.min(a, b), Math.max(a, b)].map((constraints) => budgetOf({ constraints }, 'groth16'))
      for (const part of ['compileSeconds', 'setUpSeconds', 'proveSeconds'] as const) {
        expect(small[part]).toBeGreaterThan(0)
        expect(large[part]).toBeGreaterThanOrEqual(small[part])
      }
    }),
  )
})

test('a budget says constraints, powers and scheme, and of plonk that it is a guess from below', () => {
  const [groth16, plonk] = (['groth16', 'plonk'] as const).map((scheme) => {
    return budgetLines(budgetOf({ constraints: 10_000 }, scheme), scheme).join('\n')
  })
  expect(groth16).toContain('10,000 constraints, powers of tau 2^14')
  expect(groth16).not.toContain('or more')
  expect(plonk).toContain('2^14 or more')
})
