import { describe, expect, test } from 'vitest'
import { contractFiles } from '../../scripts/contracts.js'
import { textOf } from '../../scripts/markdown.js'

/** Cells of the first table behind a heading of a document. */
const rowsBehind = (document: string, heading: string): string[][] =>
  textOf(document)
    .split(`## ${heading}\n`)[1]
    .split('\n## ')[0]
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

/** True where a file has a test of this name. */
function hasTest(file: string, name: string): boolean {
  const titles = [
    ...textOf(file).matchAll(/(['"`])((?:\\.|(?!\1)[^\\])*)\1,?\s*(?:\{[^}]*\},\s*)?(?:async\s*)?(?:\(|$)/gm),
  ]
  return titles.some(
    ([, , title]) => title.replace(/\\u\{?([0-9a-f]{4})\}?/g, unescaped).replace(/\\(.)/g, '$1') === name,
  )
}
const unescaped = (_: string, code: string): string => String.fromCharCode(Number.parseInt(code, 16))

/** Attack, outcome, file, test. */
const rows = rowsBehind('docs/security.md', 'Attacks under test')

describe('the attacks of docs/security.md', () => {
  test('are a table of four columns, each test named once', () => {
    expect(rows.length).toBeGreaterThan(40)
    for (const row of rows) expect(row, row.join()).toHaveLength(4)
    expect(new Set(rows.map(([, , file, name]) => file + name)).size).toBe(rows.length)
  })

  test.each(rows.map(([attack, , file, name]) => [attack, file, name]))(
    '%s: its test exists',
    (_attack, file, name) => {
      expect(hasTest(file, name)).toBe(true)
    },
  )

  test('faults that it names stand in the table of faults', () => {
    const faults = textOf('docs/faults.md')
    const named = [...textOf('docs/security.md').matchAll(/`([a-z]+\/[a-z-]+)`/g)].map(([, fault]) => fault)
    for (const fault of named) expect(faults).toContain(`\`${fault}\``)
  })
})

/** Label, invariant, file, test. */
const invariants = rowsBehind('docs/security-contracts.md', 'Invariants')

/** Labels in the comments of the contracts: `[D8]` or `V1 (paid once)`. */
const labels = new Set(
  contractFiles()
    .filter((file) => !file.startsWith('contracts/test/'))
    .flatMap((file) => [...textOf(file).matchAll(/\[([A-Z]\d+)\]|\/\/[^\n]*?\b([A-Z]\d+) \([a-z]/g)])
    .map(([, bracketed, named]) => bracketed ?? named),
)

describe('the invariants of docs/security-contracts.md', () => {
  test('are a table of four columns, no row of which stands twice', () => {
    for (const row of invariants) expect(row, row.join()).toHaveLength(4)
    expect(new Set(invariants.map(([label, invariant]) => label + invariant)).size).toBe(invariants.length)
  })

  test('are all that the contracts name, and no others', () => {
    expect(labels.size).toBeGreaterThan(55)
    const named = new Set(invariants.map(([label]) => label).filter((label) => label !== 'all'))
    expect([...labels].filter((label) => !named.has(label))).toEqual([])
    expect([...named].filter((label) => !labels.has(label))).toEqual([])
  })

  test.each(invariants.map(([label, invariant, file, name]) => [label, invariant, file, name]))(
    '%s %s: its test exists',
    (_label, _invariant, file, name) => {
      expect(hasTest(file, name)).toBe(true)
    },
  )

  test('only Jobs and Vault declare storage of the settlement', () => {
    // What stands at the top of a contract and ends with a semicolon, but for what takes no storage.
    const declared = (name: string): readonly string[] =>
      [...textOf(`contracts/${name}.sol`).matchAll(/^ {4}(?!\/\/|error |event |using |function )[A-Za-z][^;{}]*;$/gm)]
        .map(([line]) => line.trim())
        .filter((line) => !/\b(constant|immutable)\b/.test(line))
    const inContract = (name: string) =>
      declared(name).filter((line) => /^mapping|\b(public|internal|private)\b/.test(line))
    expect(['Settlement', 'Quorums'].flatMap(inContract)).toEqual([])
    expect(inContract('Jobs').length).toBe(3)
    expect(inContract('Vault').length).toBe(1)
    for (const name of ['Settlement', 'Quorums']) {
      const [, parents] = new RegExp(`^contract ${name} is (.*) \\{$`, 'm').exec(textOf(`contracts/${name}.sol`))!
      expect(parents.split(', ').filter((parent) => !/^I[A-Z]/.test(parent))).toEqual(['Jobs'])
    }
  })
})
