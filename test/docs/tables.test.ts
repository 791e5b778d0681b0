import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { anchorOf, faultTable } from '../../scripts/fault-table.js'
import { withExamples } from '../../scripts/doc-examples.js'
import { textOf } from '../../scripts/markdown.js'
import { deciders, opTable, quantizeTables } from '../../scripts/op-table.js'
import { FAULTS, type FaultCode } from '../../src/core/faults.js'
import { KINDS } from '../../src/merkle/tree.js'
import { OPS } from '../../src/exact/ops/index.js'

const root = new URL('../../', import.meta.url)
const sources = (folder: string): readonly string[] =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `${folder}/${path}`)

const codes = Object.keys(FAULTS) as FaultCode[]
const code = sources('src')
  .filter((path) => path !== 'src/core/faults.ts')
  .map(textOf)
  .join('\n')

describe('generated documents', () => {
  test('docs/ops.md is what the op table says', async () => expect(textOf('docs/ops.md')).toBe(await opTable()))

  test('docs/disputes.md says who decides about every op', async () =>
    expect(textOf('docs/disputes.md')).toBe(await deciders()))

  test('docs/quantize.md says what the quantizer does with every operator', async () =>
    expect(textOf('docs/quantize.md')).toBe(await quantizeTables()))

  test('docs/faults.md is what the fault table says', async () =>
    expect(textOf('docs/faults.md')).toBe(await faultTable()))

  test('the worked examples are what the vector files and the library give', async () => {
    for (const [path, text] of await withExamples()) expect(textOf(path), path).toBe(text)
  })
})

describe('the table of faults', () => {
  test.each(codes)('%s is used in the source', (fault) => {
    expect(code.includes(`'${fault}'`)).toBe(true)
  })

  test('every code in the source stands in the table', () => {
    const rooms = new Set(codes.map((fault) => fault.split('/')[0]))
    const used = [...code.matchAll(/(?:Fault\(|demand\([\s\S]{0,300}?,\s*)'([a-z]+\/[a-z-]+)'/g)].map(
      ([, fault]) => fault,
    )
    expect(used.length).toBeGreaterThan(100)
    for (const fault of used.filter((fault) => rooms.has(fault.split('/')[0]))) expect(FAULTS).toHaveProperty([fault])
  })

  test('every code has one anchor in docs/faults.md', () => {
    const text = textOf('docs/faults.md')
    for (const fault of codes) expect(text.split(`<a id="${anchorOf(fault)}">`).length, fault).toBe(2)
    expect(new Set(codes.map(anchorOf)).size).toBe(codes.length)
  })

  test('every exit code is one that the command line has', () => {
    for (const fault of codes) expect([1, 2, 3, 4]).toContain(FAULTS[fault].exit)
  })
})

describe('the op table', () => {
  test('no two ops share a name or a number, and no number is beyond 16 bits', () => {
    expect(new Set(OPS.map((op) => op.name)).size).toBe(OPS.length)
    expect(new Set(OPS.map((op) => op.number)).size).toBe(OPS.length)
    for (const { number } of OPS) expect(number > 0 && number < 2 ** 16).toBe(true)
  })

  test('the referees are those that docs/numerics.md explains', () => {
    const text = textOf('docs/numerics.md')
    for (const { referee } of OPS) expect(text).toContain(`| \`${referee}\``)
  })
})

describe('links', () => {
  const documents = readdirSync(new URL('docs', root)).filter((name) => name.endsWith('.md'))
  const slug = (heading: string) =>
    heading
      .toLowerCase()
      .replace(/[`*]/g, '')
      .replace(/[^\w\s-]/g, '')
      .trim()
      .replace(/\s/g, '-')
  const anchorsOf = (path: string) => {
    const text = textOf(path)
    const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => slug(heading))
    return new Set([...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id)])
  }

  test.each(documents)('every link of %s leads to a file, and to a place in it', (name) => {
    const text = textOf(`docs/${name}`).replace(/```[\s\S]*?```/g, '')
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [path, anchor] = target.split('#')
      const file = new URL(path === '' ? name : path, new URL('docs/', root))
      expect(() => readFileSync(file), `${name}: ${target}`).not.toThrow()
      if (anchor !== undefined)
        expect(anchorsOf(file.pathname.slice(root.pathname.length)), `${name}: ${target}`).toContain(anchor)
    }
  })

  test('the kinds of sized roots in docs/formats.md are those of the code', () => {
    const text = textOf('docs/formats.md')
    for (const [name, kind] of Object.entries(KINDS))
      expect(text).toMatch(new RegExp(`\\| 0x${kind.toString(16).padStart(2, '0')} +\\| ${name} +\\|`))
  })
})
