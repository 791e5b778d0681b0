import { describe, expect, test } from 'vitest'
import { textOf } from '../../scripts/markdown.js'

/** Rows of the last table of docs/security.md: attack, outcome, file, test. */
const rows = textOf('docs/security.md')
  .split('## Attacks under test')[1]
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(2)
  .map((line) =>
    line.split(' | ').map((cell) =>
      cell
        .replace(/^\| |\|$/g, '')
        .replace(/\\(.)/g, '$1')
        .trim(),
    ),
  )

describe('the attacks of docs/security.md', () => {
  test('are a table of four columns, each test named once', () => {
    expect(rows.length).toBeGreaterThan(40)
    for (const row of rows) expect(row, row.join()).toHaveLength(4)
    expect(new Set(rows.map(([, , file, name]) => file + name)).size).toBe(rows.length)
  })

  test.each(rows.map(([attack, , file, name]) => [attack, file, name]))(
    '%s: its test exists',
    (_attack, file, name) => {
      const source = textOf(file)
      const titles = [
        ...source.matchAll(/(['"`])((?:\\.|(?!\1)[^\\])*)\1,?\s*(?:\{[^}]*\},\s*)?(?:async\s*)?(?:\(|$)/gm),
      ]
      expect(titles.some(([, , title]) => title.replace(/\\(.)/g, '$1') === name)).toBe(true)
    },
  )

  test('faults that it names stand in the table of faults', () => {
    const faults = textOf('docs/faults.md')
    const named = [...textOf('docs/security.md').matchAll(/`([a-z]+\/[a-z-]+)`/g)].map(([, fault]) => fault)
    for (const fault of named) expect(faults).toContain(`\`${fault}\``)
  })
})
