import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { sources, violations } from '../../scripts/import-law.js'

const check = (files: Record<string, string>) => violations(new Map(Object.entries(files)))

test('every room of src/ imports only from rooms before it, without cycles, and loads in a browser unless it is Node only', () => {
  expect(violations(sources(fileURLToPath(new URL('../../src', import.meta.url))))).toEqual([])
})

test('an import from a later room is a violation, of a type alone too', () => {
  const files = { 'core/a.ts': `import type { B } from '../exact/b.js'`, 'exact/b.ts': 'export type B = 1' }
  expect(check(files)).toEqual(['core/a.ts: the room core must not know exact/b.ts'])
})

test('a dynamic import and an import() type from a later room are violations', () => {
  const files = {
    'trace/a.ts': `const b = await import('../cli/b.js'); type C = import('../audit/c.js').C`,
    'cli/b.ts': '',
    'audit/c.ts': '',
  }
  expect(check(files)).toHaveLength(2)
})

test('a cycle of files is named by its path', () => {
  const files = {
    'core/a.ts': `import './b.js'`,
    'core/b.ts': `export * from './c.js'`,
    'core/c.ts': `import { a } from './a.js'`,
  }
  expect(check(files)).toEqual(['a cycle of imports: core/a.ts -> core/b.ts -> core/c.ts -> core/a.ts'])
})

test('node: modules are for Node only files', () => {
  const text = `import { readFileSync } from 'node:fs'`
  expect(check({ 'core/a.ts': text })).toEqual(['core/a.ts: imports node:fs and would not load in a browser'])
  expect(check({ 'cli/a.ts': text, 'disk/a.ts': text })).toEqual([])
})

test('a room that the house does not know, a file that is not there, and the entries from below are violations', () => {
  expect(check({ 'utils/a.ts': '' })).toEqual(['utils/a.ts: in no room of the house'])
  expect(check({ 'core/a.ts': `import './b.js'` })).toEqual(['core/a.ts: imports ./b.js, which is no file of src/'])
  expect(check({ 'attest/a.ts': `import '../disk/index.js'`, 'disk/index.ts': '' })).toHaveLength(1)
})
